"""Training of networks with Lightning: image feature, transform into text space, direct baseline."""
