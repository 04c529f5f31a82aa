"""Tests of engines that are heavy to have: `make test-engines` makes an environment with pyspark and runs them."""
