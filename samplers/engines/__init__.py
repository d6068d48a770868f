"""Runs of other engines as our events: a streamer for transformers' `generate`, callbacks for diffusers'
pipelines, and plain lists of canvases. Each gives a trace that opens wherever ours do."""
