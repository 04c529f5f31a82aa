"""What the demo company adds to the `handrail` command, loaded when it runs."""

from handrail.faces.later import Later, listed

demo = Later(
    "demo",
    listed("handrail_demo.demo", "demo"),
    "Meridian, a company that never was: its data, people and apps, to try everything with.",
)
