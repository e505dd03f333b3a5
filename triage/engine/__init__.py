"""The engine: blocks of raw records in, completed matches out; it knows no file and no screen."""
