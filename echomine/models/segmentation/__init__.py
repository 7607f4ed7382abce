"""Networks (N, C, H, W) -> logits (N, K, H, W), and what prepares pictures for them."""
