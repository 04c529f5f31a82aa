"""`handrail bench twins`: our twins beside SDV, judged from outside."""
