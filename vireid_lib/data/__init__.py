"""Image tables, data-set manifests, readers, images, augmentation and sampling."""
