"""Valid records, changed in one place as foreign serializers write them, through the whole pipeline."""
