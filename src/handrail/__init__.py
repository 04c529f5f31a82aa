"""Handrail: business users build with AI, and what they build survives."""
