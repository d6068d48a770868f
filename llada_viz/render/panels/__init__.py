"""The panels of a run that the server draws: from numbers to plotly figures and words (docs/panels.md)."""
