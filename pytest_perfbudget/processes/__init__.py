"""Programs of ours that serve a run and outlive its processes: found, started, shared, stopped, tidied up after."""
