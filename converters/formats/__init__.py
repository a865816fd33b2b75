"""One codec a module. :mod:`converters.registry` knows them all."""
