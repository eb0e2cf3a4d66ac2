"""What changes the record: switch operations in batches, what they mean in time, what a load brings back."""
