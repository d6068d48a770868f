"""RemeDi's remasking policy: the UPS head, which decides which tokens are masked again."""
