"""What the clock said: samples, the bounds they support and what can be decided from them. The clock is injected."""
