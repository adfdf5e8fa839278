"""
Reference updates of Dreamer on fixed weights, windows and noise, for wm's tests and for jax_peer.py.

  python bench/dreamer_reference.py write     computes them anew in float64: test/fixtures/dreamer-update.json.gz
  python bench/dreamer_reference.py check     the peer's float32 against them, and against values of other origin

Each case is at its fifth update, with moments of updates before, so that no weight moves by the sign of a tiny gradient.
"""

import base64
import gzip
import json
import os
import sys

import jax
import jax.numpy as jnp
import numpy as np

import peer
from jax_dreamer import learn
from jax_rssm import as_seen, init, model_terms, split_groups

FIXTURES = os.path.join(os.path.dirname(__file__), '../test/fixtures')
FILE = os.path.join(FIXTURES, 'dreamer-update.json.gz')
UPDATES_BEFORE = 4
BATCH = 2

V3 = {
    'gamma': 0.9,
    'discountInContinue': True,
    'lambda': 0.3,
    'horizon': 3,
    'startsPerWindow': 3,
    'model': {
        'latent': 'categorical',
        'stoch': 2,
        'classes': 3,
        'unimix': 0.01,
        'deter': 4,
        'hidden': 5,
        'cell': 'blocks',
        'blocks': 2,
        'priorLayers': 2,
        'units': 6,
        'encoderLayers': 1,
        'decoderLayers': 1,
        'headLayers': 1,
        'norm': True,
        'activation': 'silu',
        'symlog': True,
        'scaledObservations': False,
        'scaledRewards': False,
        'rewardHead': 'two-hot',
        'continueHead': True,
        'weights': {'reconstruction': 2, 'reward': 1, 'continue': 1, 'dynamics': 1, 'representation': 0.1},
        'freeNats': 0.2,
        'freeNatsOver': 'state',
    },
    'twoHot': {'bins': 7, 'limit': 2},
    'critic': {
        'shapesModel': True,
        'bootstrapsActor': True,
        'onPrediction': True,
        'layers': 1,
        'head': 'two-hot',
        'returnLambda': 0.95,
        'slowRate': 0.02,
        'slowEvery': 1,
        'slowTarget': False,
        'slowRegulariser': 1,
    },
    'actor': {
        'layers': 1,
        'reinforce': 1,
        'straightThrough': False,
        'unimix': 0.01,
        'box': 'clipped',
        'entropy': 0.03,
        'normaliseReturns': True,
        'returnRangeRate': 0.1,
        'returnRangeFloor': 0.1,
    },
    'optimizer': {
        'name': 'laprop',
        'learningRate': 0.05,
        'criticLearningRate': 0.04,
        'actorLearningRate': 0.03,
        'epsilon': 1e-20,
        'warmUp': 10,
        'adaptiveClip': 0.3,
        'gradientClip': 0,
    },
    'policyAverage': 0.001,
    'replay': {'batch': BATCH, 'length': 5, 'capacity': 1000},
}
ADAM = {**V3['optimizer'], 'name': 'adam', 'epsilon': 1e-5, 'warmUp': 0, 'adaptiveClip': 0, 'gradientClip': 0.5}
BEFORE_V3 = {
    **V3['model'],
    **{'cell': 'gru', 'blocks': 1, 'priorLayers': 1, 'norm': False, 'activation': 'elu', 'unimix': 0},
    **{'symlog': False, 'scaledObservations': True, 'scaledRewards': True, 'rewardHead': 'squared'},
    **{'freeNats': 0.01, 'freeNatsOver': 'mean'},
}
V2 = {
    **{**V3, 'discountInContinue': False, 'model': BEFORE_V3, 'optimizer': ADAM},
    'critic': {
        **V3['critic'],
        **{'head': 'squared', 'onPrediction': False, 'slowRate': 1, 'slowEvery': 5},
        **{'slowTarget': True, 'slowRegulariser': 0},
    },
    'actor': {**V3['actor'], 'reinforce': 0.4, 'straightThrough': True, 'unimix': 0, 'normaliseReturns': False},
}
V1 = {
    **{**V2, 'lambda': 0, 'model': {**BEFORE_V3, 'latent': 'gaussian'}},
    'critic': {**V2['critic'], 'slowEvery': 1, 'slowTarget': False},
    'actor': {**V2['actor'], 'reinforce': 0, 'straightThrough': False, 'box': 'squashed'},
}

SPACES = {'observation': 3, 'observationScale': [1, 2, 0.5], 'rewardRange': [-2, 2], 'rewardScale': 2}
CHOICES = {**SPACES, 'actionSpace': {'kind': 'discrete', 'n': 3}, 'actions': 3}
BOX = {**SPACES, 'actionSpace': {'kind': 'box', 'low': [-2, -1], 'high': [2, 3], 'shape': [2]}, 'actions': 2}
CASES = {'v3': (V3, CHOICES), 'v2': (V2, CHOICES), 'v1': (V1, BOX)}


# ---- made-up inputs


def made_up(s, spaces, random):
    """An update's inputs in float32: what has been learnt, windows in the environment's units, and noise."""
    m = s['model']
    normal = lambda *shape: random.standard_normal(shape).astype(np.float32)
    uniform = lambda *shape: random.random(shape, np.float32)
    positive = lambda *shape: 0.1 + uniform(*shape)
    groups = jax.eval_shape(lambda: init(jax.random.PRNGKey(0), s, spaces))
    shapes = {name: x.shape for group in groups.values() for name, x in group.items()}
    fan_in = lambda shape: shape[-2] if len(shape) > 1 else 1
    weights = {
        name: normal(*shape) / np.float32(fan_in(shape)) ** 0.5 * (0.5 if name.endswith('bias') else 1)
        + (1 if name.endswith('scale') else 0)
        for name, shape in shapes.items()
    }
    length, deter, discrete = s['replay']['length'], m['deter'], spaces['actionSpace']['kind'] == 'discrete'
    latent = uniform if m['latent'] == 'categorical' else normal
    width = spaces['actions']
    if m['latent'] == 'categorical':
        z = np.eye(m['classes'], dtype=np.float32)[random.integers(m['classes'], size=(BATCH, m['stoch']))]
    else:
        z = normal(BATCH, m['stoch'])
    steps, starts = (BATCH, length), BATCH * s['startsPerWindow']
    flags = lambda *rows: np.array(rows, np.float32)
    return dict(
        weights=weights,
        mean={name: 0.3 * normal(*shape) for name, shape in shapes.items()},
        square={name: 0.01 * positive(*shape) for name, shape in shapes.items()},
        slow={name: x + 0.1 * normal(*x.shape) for name, x in weights.items() if name.startswith('critic.')},
        return_range=np.array([-0.1, 0.2], np.float32),
        windows=dict(
            observation=normal(*steps, spaces['observation']),
            action=random.integers(width, size=steps).astype(np.int32) if discrete else 1 + normal(*steps, width),
            reward=normal(*steps),
            # A termination, a truncation, and a start right after either.
            first=flags([1, 0, 0, 1, 0], [0, 0, 0, 0, 1]),
            last=flags([0, 0, 1, 0, 0], [0, 0, 0, 1, 0]),
            terminal=flags([0, 0, 1, 0, 0], [0, 0, 0, 0, 0]),
            before=np.concatenate([np.tanh(normal(BATCH, deter)), z.reshape(BATCH, -1)], -1),
        ),
        noise=dict(
            posterior=latent(*steps, m['stoch']),
            prediction=latent(*steps, m['stoch']),
            action=normal(starts, s['horizon'], width),
            step=latent(starts, s['horizon'], m['stoch']),
        ),
    )


def computed(given, s, spaces):
    """What an update makes of them, by name."""
    given = jax.tree.map(lambda x: jnp.asarray(x, jnp.int32 if x.dtype.kind == 'i' else None), given)
    by_group = {name: split_groups(given[name]) for name in ('weights', 'mean', 'square')}
    zeros = {group: jax.tree.map(jnp.zeros_like, by_group['weights'][group]) for group in ('model', 'actor')}
    learner = dict(
        **by_group,
        slow=given['slow'],
        average=zeros,
        return_range=given['return_range'],
        updates=jnp.asarray(UPDATES_BEFORE),
    )
    step = jax.jit(lambda *inputs: learn(inputs[0], as_seen(inputs[1], s, spaces), inputs[2], s, spaces))
    after, memory, terms, gradient = step(learner, given['windows'], given['noise'])
    together = lambda groups: {name: x for group in groups.values() for name, x in group.items()}
    return dict(
        terms={name: float(x) for name, x in terms.items()},
        gradient=together(gradient),
        weights=together(after['weights']),
        slow=after['slow'],
        average=together(after['average']),
        return_range=after['return_range'],
        memory=memory,
    )


# ---- the file


def packed(x):
    if isinstance(x, dict):
        return {name: packed(part) for name, part in x.items()}
    if isinstance(x, float):
        return x
    kind = 'i32' if np.asarray(x).dtype.kind == 'i' else 'f32'
    values = np.asarray(x, {'i32': '<i4', 'f32': '<f4'}[kind])
    return {'shape': list(values.shape), kind: base64.b64encode(values.tobytes()).decode()}


def write():
    jax.config.update('jax_enable_x64', True)
    cases = {}
    for seed, (name, (s, spaces)) in enumerate(CASES.items()):
        given = made_up(s, spaces, np.random.default_rng(seed))
        in_float64 = jax.tree.map(lambda x: x.astype(np.float64) if x.dtype.kind == 'f' else x, given)
        expected = computed(in_float64, s, spaces)
        cases[name] = dict(settings=s, spaces=spaces, given=packed(given), expected=packed(expected))
    about = 'Updates of Dreamer: bench/dreamer_reference.py. Arrays are base64 of little-endian float32 or int32.'
    text = json.dumps(dict(about=about, update=UPDATES_BEFORE + 1, cases=cases))
    with open(FILE, 'wb') as file:
        file.write(gzip.compress(text.encode(), 9, mtime=0))


# ---- checks: each prints its largest errors and gives how many are too large


def check_updates():
    failures = 0
    for name, case in peer.reference(np, FILE)['cases'].items():
        s, expected = case['settings'], case['expected']
        found = computed(case['given'], s, case['spaces'])
        print(name)
        failures += peer.compare_terms(found['terms'], expected['terms'])
        for what in ('gradient', 'weights', 'slow', 'average'):
            failures += largest_error(f'{what} of the update', found[what], expected[what], 1e-5)
        for what in ('return_range', 'memory'):
            failures += largest_error(what, {what: found[what]}, {what: expected[what]}, 1e-5)
    return failures


def largest_error(what, found, expected, limit):
    error = max(np.abs(np.asarray(found[name]) - x).max() for name, x in expected.items())
    print(f'{what}: largest difference {error:.1e}')
    return int(not error <= limit)


LAYERS = {
    **{'encoder.0': 'enc', 'rssm.deter': 'in_h', 'rssm.stoch': 'in_z', 'rssm.action': 'in_a', 'rssm.hidden': 'dyn'},
    **{'rssm.gates': 'gru', 'rssm.posterior.0': 'obs', 'rssm.posterior.out': 'post', 'rssm.prior.0': 'img0'},
    **{'rssm.prior.1': 'img1', 'rssm.prior.out': 'prior', 'decoder.0': 'dec', 'decoder.out': 'decout'},
    **{'reward.0': 'rew', 'reward.out': 'rewout', 'continue.0': 'con', 'continue.out': 'conout'},
}
PARAMETERS = {'weight': 'w', 'bias': 'b', 'scale': 's'}


def check_model():
    """The model's loss and gradients against test/fixtures/rssm, which numpy and the authors' code computed."""
    with gzip.open(os.path.join(FIXTURES, 'rssm/rssm_categorical.json.gz')) as file:
        given = json.load(file)

    def renamed(values):
        return {
            f'{ours}.{part}': np.array(values[f'{theirs}/{short}'], np.float32)
            for ours, theirs in LAYERS.items()
            for part, short in PARAMETERS.items()
            if f'{theirs}/{short}' in values
        }

    data = {name: np.array(x, np.float32) for name, x in given['data'].items()}
    s = {
        **V3,
        'gamma': given['gamma'],
        'model': {
            **V3['model'],
            **{'stoch': 2, 'classes': 3, 'deter': 4, 'hidden': 5, 'units': 4, 'blocks': 2},
            **{'scaledObservations': True, 'freeNats': 0.3},
        },
        'twoHot': {'bins': 5, 'limit': 2},
    }
    windows = dict(
        **{name: data[name] for name in ('reward', 'first', 'last', 'terminal')},
        observation=data['obs'],
        action=data['prev_action'],
        before=np.concatenate([data['h0'], data['z0']], -1),
    )
    noise = np.array(given['uniform_posterior'], np.float32)

    def loss(parameters):
        terms = model_terms(parameters, windows, noise, s, {'observationScale': np.ones(3)})[0]
        return sum(terms.values()) - 0.9 * terms['representation'], terms

    (total, terms), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(renamed(given['weights']))
    names = dict(reconstruction='rec', reward='rew', dynamics='dyn', representation='rep')
    wanted = {ours: given['loss'][theirs] for ours, theirs in names.items()}
    print("the model's loss, computed elsewhere")
    failures = peer.compare_terms(
        dict(terms, total=total), {**wanted, 'continue': given['loss']['con'], 'total': given['loss']['total']}
    )
    return failures + largest_error('its gradient', gradient, renamed(given['grad']), 1e-5)


def check():
    return check_model() + check_updates()


if __name__ == '__main__':
    if sys.argv[1:] == ['write']:
        write()
    else:
        sys.exit(1 if check() else 0)
