"""Our models inside lm-evaluation-harness and OpenCompass."""
