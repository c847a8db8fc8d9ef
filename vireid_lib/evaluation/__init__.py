"""Protocols and metrics: CMC, mAP, mINP."""
