"""Networks (N, C, H, W) -> logits (N, K)."""
