//! Integration tests live beside this file, one per tool.
