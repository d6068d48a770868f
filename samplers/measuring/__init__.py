"""What a run is measured by: order, drafts, calibration, regret, and the tables of them."""
