"""Drawing: arrays become figures. Nothing here sees a model or a disk."""
