"""App fidelity: what fails on real, messy data must fail on the hostile twin of it, too."""
