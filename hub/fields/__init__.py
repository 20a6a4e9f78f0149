"""Fields that an administrator defines: what they are, which values they take, and how these are read and shown."""
