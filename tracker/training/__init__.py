"""Training: synthetic video with exact tracks, readers of training data, and the loop of stage one."""
