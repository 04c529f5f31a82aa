"""Meridian, the demo company: its generated data, its definitions, its apps, and the story told with them."""
