"""The commands of `pushmill campaigns`, a file each."""
