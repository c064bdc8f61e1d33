"""`vestec demo wildfire`: the main job on real data, from a fire report to forecast maps."""
