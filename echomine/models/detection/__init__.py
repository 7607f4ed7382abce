"""Networks that find boxes, and masks within them, by the contract of torchvision."""
