"""
MuZero with Gumbel's search in JAX: a search under many roots at once, and one update. `s` is a config as wm resolves it,
`spaces` what wm's agents know of an environment; `require_known` says of which configs.

A network is a list of layers, w and b. A search is a function of what the network says of its roots, of where an action
leads, and of noise, as in mctx. Updates are written for one member and vmapped by their caller. Shapes: windows
[batch, states, ...], trees [roots, nodes, ...].
"""

import gzip
import json
import math
import os

import jax
import jax.numpy as jnp
import numpy as np
import optax

import peer

FIXTURES = os.path.join(os.path.dirname(__file__), '../test/fixtures/muzero')

sg = jax.lax.stop_gradient
tree_map = jax.tree_util.tree_map
NORM_EPSILON = 1e-5
TRANSFORM_EPSILON = 1e-3
AUTO_CONSIDERED = 16
LEAST_SCORE = -1e9
LEAST_PROBABILITY = 1e-30
LEAST_RANGE = 1e-8
STEPS = ('observation', 'next_observation', 'action', 'reward', 'terminated', 'first', 'policy')


def require_known(s, spaces):
    """Fails where a config asks for what these functions do not compute."""
    known = (
        s['search']['name'] == 'gumbel' and s['reanalyse'] == 0 and not s['replay']['prioritised']
        and s['returns']['bootstrap'] == 'average' and s['returns']['shrinkEvery'] == 0 and s['average']['every'] == 1
        and s['predict']['continue'] == 0 and s['selfTarget'] == 'online' and 'image' not in spaces
    )
    assert known, 'the peer knows Gumbel MuZero alone: returns that the averaged network ends, replay drawn evenly'


# ---- networks


def transformed(x):
    """h(x) = sign(x) (sqrt(|x| + 1) - 1) + εx."""
    return jnp.sign(x) * (jnp.sqrt(jnp.abs(x) + 1) - 1) + TRANSFORM_EPSILON * x


def inverse_transformed(y):
    """In a form that does not cancel in float32."""
    t = jnp.abs(y) + 1 + TRANSFORM_EPSILON
    u = 2 * t / (1 + jnp.sqrt(1 + 4 * TRANSFORM_EPSILON * t))
    return jnp.sign(y) * (u * u - 1)


def scalar_mean(output):
    """The number that a distribution over the integers from -S to S of h stands for."""
    support = output.shape[-1] // 2
    return inverse_transformed(jax.nn.softmax(output, -1) @ jnp.arange(-support, support + 1.0))


def cross_entropy(output, target):
    return -(target * jax.nn.log_softmax(output, -1)).sum(-1)


def scalar_loss(output, x):
    support = output.shape[-1] // 2
    place = jnp.clip(transformed(x), -support, support)
    two_hot = jnp.maximum(0.0, 1 - jnp.abs(place[..., None] - jnp.arange(-support, support + 1.0)))
    return cross_entropy(output, two_hot)


def normalised(x, norm):
    if norm == 'layer':
        d = x - x.mean(-1, keepdims=True)
        return d * jax.lax.rsqrt((d * d).mean(-1, keepdims=True) + NORM_EPSILON)
    least = x.min(-1, keepdims=True)
    return (x - least) / jnp.maximum(x.max(-1, keepdims=True) - least, NORM_EPSILON)


class Model:
    """A value-equivalent model over its networks."""

    def __init__(self, networks, s, activation=jax.nn.relu):
        self.networks, self.s, self.activation = networks, s['model'], activation

    def output(self, name, x):
        *hidden, last = self.networks[name]
        for p in hidden:
            x = self.activation(x @ p['w'] + p['b'])
        return x @ last['w'] + last['b']

    def encode(self, observation):
        return normalised(self.output('encoder', observation), self.s['norm'])

    def next(self, latent, action):
        change = self.output('dynamics', jnp.concatenate([latent, action], -1))
        return normalised(latent + change if self.s['residual'] else change, self.s['norm'])

    def value(self, latent):
        return scalar_mean(self.output('value', latent))

    def project(self, latent):
        return self.output('projector', latent) if 'projector' in self.networks else latent

    def predict(self, projection):
        return self.output('predictor', projection) if 'predictor' in self.networks else projection


# ---- searching


def considered_visits(candidates, simulations):
    """Sequential halving as a table: the visits that a candidate must have to be the one of each simulation."""
    if candidates <= 1:
        return list(range(simulations))
    rounds, table, visits, left = math.ceil(math.log2(candidates)), [], [0] * candidates, candidates
    while len(table) < simulations:
        for _ in range(max(1, simulations // (rounds * left))):
            table += visits[:left]
            visits[:left] = [n + 1 for n in visits[:left]]
        left = max(2, left // 2)
    return table[:simulations]


def search(root, step, gumbel, s):
    """
    Gumbel MuZero's search (Danihelka et al. 2022) under many roots in lock-step: (action, policy, value, tree).

    `root` has latent, logits and value of each; `step(latent, action)` gives those of where an action leads, with reward
    and discount. Node i + 1 of each tree is made by simulation i.
    """
    p = s['search']
    roots, actions = root['logits'].shape
    nodes = p['simulations'] + 1
    row = jnp.arange(roots)
    each = row[:, None]
    most = AUTO_CONSIDERED if p['considered'] == 'auto' else p['considered']
    due = jnp.array(considered_visits(min(most, actions), p['simulations']))
    at_root = jnp.zeros(roots, jnp.int32)

    def planted(x):
        return jnp.zeros((roots, nodes, *x.shape[1:]), x.dtype).at[:, 0].set(x)

    tree = {
        'latent': planted(root['latent']),
        'logits': planted(root['logits']),
        'raw': planted(root['value']),
        'value': planted(root['value']),
        'visits': jnp.zeros((roots, nodes), jnp.int32).at[:, 0].set(1),
        'parent': jnp.full((roots, nodes), -1),
        'action': jnp.full((roots, nodes), -1),
        'child': jnp.full((roots, nodes, actions), -1),
        'reward': jnp.zeros((roots, nodes)),
        'discount': jnp.zeros((roots, nodes)),
    }

    def judged(tree, node):
        """Visits, logits, Q and σ(q̂) of a node's actions: [roots, actions] each."""
        child, logits = tree['child'][row, node], tree['logits'][row, node]
        there = each, jnp.maximum(child, 0)
        visits = jnp.where(child >= 0, tree['visits'][there], 0)
        q = tree['reward'][there] + tree['discount'][there] * tree['value'][there]
        prior = jnp.where(visits > 0, jnp.maximum(jax.nn.softmax(logits), LEAST_PROBABILITY), 0)
        of_tried = (prior * q).sum(-1) / jnp.maximum(prior.sum(-1), LEAST_PROBABILITY)
        total = visits.sum(-1)
        mixed = (tree['raw'][row, node] + total * of_tried) / (1 + total)
        q = jnp.where(visits > 0, q, mixed[:, None])
        scale = (p['visitOffset'] + visits.max(-1, keepdims=True)) * p['valueScale']
        if not p['rescaled']:
            return visits, logits, q, scale * q
        least = q.min(-1, keepdims=True)
        span = jnp.maximum(q.max(-1, keepdims=True) - least, max(p['rangeFloor'], LEAST_RANGE))
        return visits, logits, q, scale * (q - least) / span

    def candidate(tree, wanted):
        """The best of the root's actions with so many visits, and what it was judged by."""
        visits, logits, q, sigma = judged(tree, at_root)
        score = gumbel + logits - logits.max(-1, keepdims=True) + sigma
        due_now = visits == (visits.max(-1, keepdims=True) if wanted is None else wanted)
        action = jnp.where(due_now, jnp.maximum(LEAST_SCORE, score), -jnp.inf).argmax(-1)
        return action, jax.nn.softmax(logits + sigma), q

    def descend(tree, simulation):
        """The node and the action by which each root's simulation leaves its tree."""

        def down(place):
            node, action, child = place
            inside = child >= 0
            node = jnp.where(inside, child, node)
            visits, logits, _, sigma = judged(tree, node)
            score = jax.nn.softmax(logits + sigma) - visits / (1 + visits.sum(-1, keepdims=True))
            action = jnp.where(inside, score.argmax(-1), action)
            return node, action, jnp.where(inside, tree['child'][row, node, action], -1)

        action, _, _ = candidate(tree, due[simulation])
        place = at_root, action, tree['child'][row, at_root, action]
        node, action, _ = jax.lax.while_loop(lambda place: (place[2] >= 0).any(), down, place)
        return node, action

    def back_up(tree, leaf, value):
        """Means of the values that were backed up through each node, and how many these are."""

        def up(carry):
            visits, values, at, value = carry
            above, inside = tree['parent'][row, at], at > 0
            above = jnp.maximum(above, 0)
            value = jnp.where(inside, tree['reward'][row, at] + tree['discount'][row, at] * value, value)
            count, mean = visits[row, above], values[row, above]
            mean = jnp.where(inside, (mean * count + value) / (count + 1), mean)
            return visits.at[row, above].set(count + inside), values.at[row, above].set(mean), above, value

        carry = tree['visits'], tree['value'], jnp.full(roots, leaf), value
        visits, values, _, _ = jax.lax.while_loop(lambda carry: (carry[2] > 0).any(), up, carry)
        return {**tree, 'visits': visits, 'value': values}

    def simulate(simulation, tree):
        node, action = descend(tree, simulation)
        found = step(tree['latent'][row, node], action)
        new = {**found, 'raw': found['value'], 'visits': 1, 'parent': node, 'action': action}
        grown = {name: tree[name].at[:, simulation + 1].set(x) for name, x in new.items()}
        child = tree['child'].at[row, node, action].set(simulation + 1)
        return back_up({**grown, 'child': child}, simulation + 1, found['value'])

    tree = jax.lax.fori_loop(0, p['simulations'], simulate, tree)
    action, policy, q = candidate(tree, None)
    value = tree['value'][:, 0] if p['rootValue'] == 'mean' else (policy * q).sum(-1)
    return action, policy, value, tree


def searched(networks, observation, key, s, spaces):
    """The search of collecting under the observations of many environments: (action, policy, value, tree)."""
    model, actions = Model(networks, s), spaces['actions']

    def rows(latent):
        return {'latent': latent, 'logits': model.output('policy', latent), 'value': model.value(latent)}

    def step(latent, action):
        latent = model.next(latent, jax.nn.one_hot(action, actions))
        reward = scalar_mean(model.output('reward', latent))
        return {**rows(latent), 'reward': reward, 'discount': jnp.full_like(reward, s['gamma'])}

    root = rows(model.encode(observation / jnp.array(spaces['observationScale'])))
    return search(root, step, jax.random.gumbel(key, root['logits'].shape), s)


# ---- updating


def targets(window, s):
    """
    Of the first `unroll` + 1 states of windows [batch, length] of reward, terminated and first: what was received before a
    value follows, how many steps after the window's start that is and what it counts, 0 where none follows; and which
    states are known in what.
    """
    unroll, n, gamma = s['unroll'], s['returns']['steps'], s['gamma']
    reward, first = window['reward'], window['first'].at[:, 0].set(False)
    length = reward.shape[1]
    end = jnp.where(first.any(1), first.argmax(1), length)[:, None]
    terminal = jnp.take_along_axis(window['terminated'], end - 1, 1) > 0
    end = jnp.where((end == length) & ~terminal, 2 * length, end)
    k, t = jnp.arange(unroll + 1), jnp.arange(length)
    stop = jnp.minimum(k + n, end)
    counted = (t >= k[:, None]) & (t < stop[..., None])
    received = (counted * gamma ** jnp.maximum(0.0, t - k[:, None]) * reward[:, None]).sum(-1)
    follows = (k <= end) & ~(terminal & (stop == end))
    return {
        'received': received,
        'stop': stop,
        'discount': jnp.where(follows, gamma ** jnp.maximum(0.0, stop - k), 0),
        'end': end,
        'value_known': ((k <= end) | terminal).astype(jnp.float32),
        'acted': (k < end).astype(jnp.float32),
        'observed': (k <= end).astype(jnp.float32),
        'reward': (reward[:, :unroll] * (k[1:] <= end)),
        'reward_known': ((k[1:] <= end) | terminal).astype(jnp.float32),
    }


def unrolled_loss(model, windows, s):
    """
    (loss, (terms, values and latents of all states)) along the unrolled model; each term the mean over windows of the sum
    over states, the first weighing 1 and the others 1 / K.
    """
    action, weight, shapes, predict = windows['action'], windows['weight'], s['shapesModel'], s['predict']
    unroll = action.shape[1]
    latents = [model.encode(windows['observation'][:, 0])]
    for k in range(unroll):
        latent = latents[-1]
        if k > 0 or s['halvedAtFirst']:
            latent = 0.5 * (latent + sg(latent))
        latents.append(model.next(latent, action[:, k]))
    latents = jnp.stack(latents, 1)
    step_weights = jnp.array([1.0] + [1 / unroll] * unroll)

    def given(head, first=0):
        return latents[:, first:] if head in shapes else sg(latents[:, first:])

    def total(loss, known):
        return (loss * known * step_weights[-loss.shape[1] :] * weight[:, None]).sum(1).mean()

    value = model.output('value', given('value'))
    terms = {
        'policy': total(cross_entropy(model.output('policy', given('policy')), windows['policy']), windows['acted']),
        'value': total(scalar_loss(value, windows['value']), windows['value_known']),
        'reward': total(
            scalar_loss(model.output('reward', given('reward', 1)), windows['reward']), windows['reward_known']
        ),
    }
    if predict['self'] > 0:
        seen = sg(model.project(model.encode(windows['observation'][:, 1:])))
        foreseen = model.predict(model.project(given('self', 1)))
        sizes = jnp.sqrt((seen * seen).sum(-1) * (foreseen * foreseen).sum(-1))
        alike = (seen * foreseen).sum(-1) / jnp.maximum(sizes, LEAST_RANGE)
        terms['self'] = total(-alike, windows['observed'][:, 1:])
    if 'decoder' in model.networks:
        error = model.output('decoder', given('observation')) - windows['observation']
        terms['observation'] = total((error * error).mean(-1), windows['observed'])
    loss = sum(predict[name] * term for name, term in terms.items())
    return loss, ({'loss': loss, **terms}, scalar_mean(value), latents)


def described(windows, values, latents):
    """What targets and latents are like."""

    def mean(x, known):
        return (x * known).sum() / jnp.maximum(known.sum(), 1)

    policy = windows['policy']
    return {
        'value_error': jnp.abs(values[:, 0] - windows['value'][:, 0]).mean(),
        'target_value': mean(windows['value'], windows['value_known']),
        'target_entropy': mean(-(policy * jnp.log(jnp.maximum(policy, LEAST_PROBABILITY))).sum(-1), windows['acted']),
        'latent_std': latents.reshape(-1, latents.shape[-1]).std(0).mean(),
    }


def optimizer(s):
    """Adam with decoupled weight decay, up to the step size."""
    o = s['optimizer']
    return optax.chain(
        optax.clip_by_global_norm(o['gradientClip']), optax.scale_by_adam(), optax.add_decayed_weights(o['weightDecay'])
    )


def learn(learner, windows, rate, s):
    """One update on windows whose returns are ended by the averaged network. Terms are those of losses.csv."""
    networks, average = learner['model'], Model(learner['average'], s)
    followed = average.value(average.encode(windows['bootstrap']))
    windows = {**windows, 'value': windows['received'] + windows['discount'] * followed}
    loss = lambda networks: unrolled_loss(Model(networks, s), windows, s)
    (_, (terms, values, latents)), gradient = jax.value_and_grad(loss, has_aux=True)(networks)
    change, state = optimizer(s).update(gradient, learner['state'], networks)
    networks = tree_map(lambda a, b: a - rate * b, networks, change)
    terms |= described(windows, values, latents)
    terms |= {'gradient_norm': optax.global_norm(gradient), 'weight_norm': optax.global_norm(networks)}
    near = s['average']['rate']
    averaged = tree_map(lambda a, b: a + near * (b - a), learner['average'], networks)
    return {'model': networks, 'average': averaged, 'state': state}, terms


def draw(replay, key, s, spaces):
    """Windows with what they are trained towards."""
    batch, unroll = s['replay']['batch'], s['unroll']
    length = unroll + s['returns']['steps'] + 1
    start_key, action_key = jax.random.split(key)
    starts = jax.random.randint(start_key, (batch, 1), 0, replay['reward'].shape[0] - length + 1)
    at = starts + jnp.arange(length)
    given = targets({name: replay[name][at] for name in ('reward', 'terminated', 'first')}, s)
    end, stop, states = given['end'], given['stop'], starts + jnp.arange(unroll + 1)
    scale = jnp.array(spaces['observationScale'])

    def seen(offset):
        """What was observed so many steps after the start, at an end by its last step, past it 0."""
        last = replay['next_observation'][starts + jnp.minimum(end, length) - 1]
        inside = replay['observation'][starts + jnp.minimum(offset, length - 1)]
        observation = jnp.where((offset < end)[..., None], inside, last)
        return jnp.where((offset <= end)[..., None], observation, 0) / scale

    later = s['predict']['self'] > 0 or s['predict']['observation'] > 0
    random = jax.random.randint(action_key, (batch, unroll), 0, spaces['actions'])
    action = jnp.where(given['acted'][:, :-1] > 0, replay['action'][states[:, :-1]], random)
    return {
        **given,
        'observation': seen(jnp.arange(unroll + 1 if later else 1)),
        'bootstrap': seen(stop),
        'action': jax.nn.one_hot(action, spaces['actions']),
        'reward': given['reward'] / spaces['rewardScale'],
        'received': given['received'] / spaces['rewardScale'],
        'policy': replay['policy'][states] * given['acted'][..., None],
        'weight': jnp.ones(batch),
    }


def update(learner, replay, step, key, s, spaces):
    """One update after so many environment steps, on windows drawn from a replay."""
    rate = peer.schedule_at(s['optimizer']['learningRate'], step)
    return learn(learner, draw(replay, key, s, spaces), rate, s)


def new_learner(key, s, spaces):
    m, predict, actions = s['model'], s['predict'], spaces['actions']
    keys = iter(jax.random.split(key, 64))

    def network(inputs, hidden, outputs, last=1.0):
        widths = [inputs, *hidden, outputs]
        scales = [1.4] * len(hidden) + [last]
        return [
            {'w': scale * jax.random.normal(next(keys), (i, o)) / math.sqrt(i), 'b': jnp.zeros(o)}
            for i, o, scale in zip(widths, widths[1:], scales)
        ]

    latent, hidden, bins, projection = m['latent'], m['hidden'], 2 * m['support'] + 1, m['projection']
    networks = {
        'encoder': network(spaces['observation'], m['encoderHidden'], latent),
        'dynamics': network(latent + actions, hidden, latent),
        'reward': network(latent, hidden, bins, 0.0),
        'value': network(latent, hidden, bins, 0.0),
        'policy': network(latent, hidden, actions, 0.0),
    }
    if predict['observation'] > 0:
        networks['decoder'] = network(latent, hidden, spaces['observation'])
    if predict['self'] > 0 and projection > 0:
        networks['projector'] = network(latent, hidden, projection)
        networks['predictor'] = network(projection, [math.ceil(projection / 2)], projection)
    return {'model': networks, 'average': tree_map(jnp.copy, networks), 'state': optimizer(s).init(networks)}


def new_replay(key, size, spaces):
    """Made-up steps, in episodes of twenty on average, each terminated."""
    keys = jax.random.split(key, 4)
    actions, shape = spaces['actions'], (size, spaces['observation'])
    first = jax.random.bernoulli(keys[0], 0.05, (size,)).at[0].set(True)
    return {
        'observation': jax.random.normal(keys[1], shape),
        'next_observation': jax.random.normal(keys[2], shape),
        'action': jax.random.randint(keys[3], (size,), 0, actions),
        'reward': jnp.ones(size),
        'terminated': jnp.roll(first, -1).astype(jnp.float32),
        'first': first,
        'policy': jnp.full((size, actions), 1 / actions),
    }


# ---- the references


def reference(name):
    with gzip.open(os.path.join(FIXTURES, f'{name}.json.gz')) as file:
        return json.load(file)


def check():
    """Compares losses with their gradients, targets and searches with the references; how many numbers differ."""
    return check_losses() + check_targets() + check_searches()


NETWORKS = {
    'enc': 'encoder',
    'dyn': 'dynamics',
    'rew': 'reward',
    'val': 'value',
    'pol': 'policy',
    'obs': 'decoder',
    'proj': 'projector',
    'pred': 'predictor',
}


SEARCHED = 1, 3


def check_losses():
    given = reference('loss')
    own = lambda networks: {
        NETWORKS[name]: [{key: jnp.array(x) for key, x in layer.items()} for layer in layers]
        for name, layers in networks.items()
    }
    observed = np.array(given['consistencyMask'])
    windows = {
        'observation': jnp.array(given['observations']),
        'action': jax.nn.one_hot(jnp.array(given['actions']), given['sizes']['A']),
        'value': jnp.array(given['valueTargets']),
        'value_known': jnp.array(given['valueMask']),
        'reward': jnp.array(given['rewardTargets']),
        'reward_known': jnp.array(given['rewardMask']),
        'policy': jnp.array(given['policyTargets']),
        'acted': jnp.array(given['policyMask']),
        'observed': jnp.array(np.concatenate([np.ones((len(observed), 1)), observed], 1)),
        'weight': jnp.array(given['importanceWeights']),
    }
    failures = 0
    for case in given['cases']:
        config = case['config']
        s = {
            'model': {'norm': config['norm'], 'residual': config['residual'] > 0},
            'predict': config['weights'],
            'shapesModel': config['trunk'],
            'halvedAtFirst': config['halfFirst'],
        }
        loss = lambda networks: unrolled_loss(Model(networks, s, jnp.tanh), windows, s)
        (_, (terms, _, _)), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(own(given['parameters']))
        failures += peer.compare_terms(terms, {'loss': case['loss'], **case['terms']})
        leaves = zip(*(jax.tree_util.tree_leaves(x) for x in (gradient, own(case['gradients']))), strict=True)
        worst = max(float(jnp.abs(a - b).max()) for a, b in leaves)
        failures += worst > 1e-5
        print(f'gradient: largest difference {worst:.1e}')
    return failures


def check_targets():
    """Of each case's window, with the steps of another episode behind its own."""
    given = reference('nstep')
    worst, failures = 0.0, 0
    for case in given['cases']:
        episode, start, unroll, n = given['episodes'][case['episode']], case['start'], case['K'], case['n']
        total, length = episode['T'], unroll + n + 1
        step = np.arange(start, start + length)
        ends = (step == total - 1) & (episode['ended'] == 'terminal')
        rewards = np.concatenate([episode['rewards'], np.full(length, 9.0)])[step]
        window = {'reward': rewards, 'terminated': ends.astype(float), 'first': (step == start) | (step == total)}
        s = {'unroll': unroll, 'returns': {'steps': n}, 'gamma': case['gamma']}
        batch = {name: jnp.array(x)[None] for name, x in window.items()}
        found = {name: np.asarray(x[0]) for name, x in targets(batch, s).items()}
        values = np.concatenate([episode['values'], np.zeros(length)])
        value = found['received'] + found['discount'] * values[start + np.minimum(found['stop'], length)]
        for k, wanted in enumerate(case['targets']):
            pairs = {'valueMask': 'value_known', 'policyMask': 'acted'}
            failures += sum(found[own][k] != wanted[name] for name, own in pairs.items())
            worst = max(worst, abs(value[k] * wanted['valueMask'] - wanted['value']) / max(1, abs(wanted['value'])))
            failures += (found['discount'][k] > 0) != (wanted['bootstrapState'] is not None)
            if k > 0:
                known = found['reward_known'][k - 1]
                failures += known != wanted['rewardMask'] or found['observed'][k] != wanted['consistencyMask']
                worst = max(worst, abs(found['reward'][k - 1] * known - wanted['reward']))
    print(f'targets: {failures} of other states, largest difference {worst:.1e}')
    return failures + (worst > 1e-5)


def check_searches():
    """
    The whole tree of each, under a root that has another one beside it: those of two of the five models, of two actions
    and of six, since every search is compiled anew.
    """
    given = reference('gumbel')
    failures, worst = 0, 0.0
    for case in given['cases']:
        if case['model'] not in SEARCHED:
            continue
        table = {name: jnp.array(x) for name, x in given['models'][case['model']].items() if name not in 'SA'}
        own = case['result']
        rows = lambda state: {'latent': state, 'logits': table['logits'][state], 'value': table['value'][state]}

        def step(state, action):
            reward, discount = table['reward'][state, action], table['discount'][state, action]
            return {**rows(table['next'][state, action]), 'reward': reward, 'discount': discount}

        p = {
            **{'simulations': case['sims'], 'considered': case['maxConsidered'], 'rangeFloor': 0, 'rootValue': 'mean'},
            **{'visitOffset': case['cVisit'], 'valueScale': case['cScale'], 'rescaled': case['rescale']},
        }
        roots = jnp.array([(case['root'] + 1) % len(table['value']), case['root']])
        gumbel = jnp.array([case['gumbel'][::-1], case['gumbel']])
        run = jax.jit(lambda roots, gumbel: search(rows(roots), step, gumbel, {'search': p}))
        action, policy, value, tree = tree_map(lambda x: np.asarray(x[1]), run(roots, gumbel))
        names = {'latent': 'state', 'parent': 'parent', 'action': 'action', 'visits': 'visits'}
        failures += sum((tree[name] != np.array(own['tree'][theirs])).any() for name, theirs in names.items())
        failures += action != own['action']
        numbers = [(policy, own['improvedPolicy']), (value, own['rootValue']), (tree['value'], own['tree']['value'])]
        worst = max(worst, *(np.abs(a - np.array(b)).max() for a, b in numbers))
    print(f'searches: {failures} differ in their trees or actions, largest difference of values {worst:.1e}')
    return failures + (worst > 1e-4)
