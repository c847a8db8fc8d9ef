"""Chapter 03: galleries of synthetic images, measured, audited, traced to their origin."""
