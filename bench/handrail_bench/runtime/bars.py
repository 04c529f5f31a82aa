"""What each figure of the runtime may come to."""

BARS = {
    "pass_ratio": "≤ 3",
    "pandas_ratio": "≤ 1.25",
    "parked_ratio": "≤ 0.05",
    "sdk_rtt_ratio": "≤ 2",
    "proxy_added_ms": "≤ 1",
    "docker_pass_ratio": "",
    "jobs_lost": "0",
    "jobs_throughput_ratio": "≥ 0.7",
    "viewers_errors": "0",
    "viewers_p95_ms": "",
    "sleeping_app_mb": "≤ 5",
}
