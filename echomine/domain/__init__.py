"""The words of echomine: vocabularies, records, errors. Imports nothing but the standard library."""
