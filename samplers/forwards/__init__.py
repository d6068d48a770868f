"""How a network is called: passes on a device, captured, shared by several runs, and with a KV cache."""
