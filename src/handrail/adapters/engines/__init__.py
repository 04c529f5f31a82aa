"""The engines that answer governed queries, one file each."""
