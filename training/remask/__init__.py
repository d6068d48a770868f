"""RemeDi's remasking policy: the UPS head, alone or with LoRA."""
