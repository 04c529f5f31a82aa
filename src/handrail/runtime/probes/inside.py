"""The program of the sandbox in which `handrail doctor` attacks: loads the attacks, and tries them all."""

from importlib import import_module

from handrail.runtime.probes.attempts import CANARY, try_all

EVERY = ("files", "kernel", "network", "itself", "others")
OF_HOSTED = ("network", "others")  # where an app that people come to differs from a job

for module in OF_HOSTED if CANARY["hosted"] else EVERY:
    import_module(f"handrail.runtime.probes.{module}")
try_all(CANARY["before"])
