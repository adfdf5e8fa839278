"""Answers `wm bench` for one number: how fast numpy's BLAS multiplies here, the flops bound's yardstick."""

import numpy

import peer


def make(n):
    return numpy.random.default_rng(0).standard_normal((n, n), dtype=numpy.float32)


def prepare(setup):
    return {'sgemm': peer.sgemm(make, numpy.matmul, setup['sgemmSize'])}


peer.serve(f'numpy {numpy.__version__}', prepare)
