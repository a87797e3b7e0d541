"""Nodes of ComfyUI that call a service."""
