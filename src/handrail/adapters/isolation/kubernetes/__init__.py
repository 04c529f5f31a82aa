"""Runs as Jobs of a Kubernetes cluster: `driver` fills the port, `pod` says what a run is there.

A pod of two containers: the app's, and a relay of ours that fetches the app's code and is its one way out.
What is in `inside/` runs there, and is sent along with each Job.
"""

from handrail.adapters.isolation.kubernetes.driver import Kubernetes

__all__ = ["Kubernetes"]
