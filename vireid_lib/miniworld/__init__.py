"""The embedded default: procedural pedestrians in two modalities, written in the real layouts."""
