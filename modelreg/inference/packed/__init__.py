"""Packed copies of weights: written once, tensor by tensor, and mapped at every later start.

files.py is the file (safetensors whose tensors begin on pages), make.py turns a checkpoint into a copy, cache.py keeps
the copies that `run --quant` makes. What a copy is to the gate is in ledger/packed.py.
"""
