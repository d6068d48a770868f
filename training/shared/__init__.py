"""What several objectives share: adapters, answers, noise, losses, decoding."""
