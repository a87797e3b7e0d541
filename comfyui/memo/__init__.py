"""Outputs of ComfyUI's nodes, kept by the daemon as results (docs/MEMO.md) and given back after a restart."""
