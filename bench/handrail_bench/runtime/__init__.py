"""`handrail bench runtime`: sandboxes, jobs and hosted apps beside the same work without any of them."""
