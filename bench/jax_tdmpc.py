"""
TD-MPC2 in JAX: one update, and one planned action. `s` is a config as wm resolves it, `spaces` what wm's agents know of an
environment; of the config's keys only those values are known that configs/tdmpc/v2*.yaml have.

A network is a list of layers: w and b, and g and s where it is normalised. Value heads are one network whose arrays have an
axis of heads in front. Every function is written for one member and vmapped over members by its caller. Shapes: windows
[time, batch, ...], plans [horizon, candidates, ...].
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

FIXTURES = os.path.join(os.path.dirname(__file__), '../test/fixtures/planning')

sg = jax.lax.stop_gradient
tree = jax.tree_util.tree_map
LOG_STD = -10.0, 2.0
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
MODEL_EPSILON = 1e-8
STEPS = ('observation', 'action', 'reward', 'terminated')


def require_known(s):
    """Fails where a config asks for what these functions do not compute."""
    m, critic, actor = s['model'], s['critic'], s['actor']
    known = (
        m['layers'] == 'normed' and m['simNorm'] > 0 and m['scalars'] == 'two-hot' and m['target'] == 'stopped'
        and not m['scaledRewards'] and not m['predictor'] and m['distance'] == 'squared'
        and m['shapedBy']['reward'] and m['shapedBy']['continue'] and critic['shapesModel']
        and critic['pair'] == 'mean' and critic['targetEvery'] == 1
        and actor['choices'] == 'greedy' and actor['box'] == 'squashed' and actor['scaled']
    )
    assert known, "the peer knows TD-MPC2's own ingredients alone"


# ---- networks


def mish(x):
    w = jnp.exp(jnp.minimum(x, 20.0))
    w = w * (w + 2)
    return x * w / (w + 2)


def normed(p, y):
    d = y - y.mean(-1, keepdims=True)
    return d * jax.lax.rsqrt((d * d).mean(-1, keepdims=True) + 1e-5) * p['g'] + p['s']


def apply(layers, x):
    """Up to its last layer's product, without what may come after that."""
    for p in layers[:-1]:
        x = mish(normed(p, x @ p['w'] + p['b']))
    return x @ layers[-1]['w'] + layers[-1]['b']


def to_latent(layers, x, s):
    y = normed(layers[-1], apply(layers, x))
    return jax.nn.softmax(y.reshape(*y.shape[:-1], -1, s['model']['simNorm']), -1).reshape(y.shape)


def beside(latent, action):
    return jnp.concatenate([latent, action], -1)


def encode(model, observation, s):
    return to_latent(model['encoder'], observation, s)


def following(model, latent, action, s):
    return to_latent(model['dynamics'], beside(latent, action), s)


def head_outputs(heads, latent, action):
    """
    Of all value heads: [heads, ..., bins]. Their first layers are one product; the others stand side by side, since XLA's
    batched products are slow on a processor.
    """
    first, second, last = heads
    count, inputs, units = first['w'].shape
    x = beside(latent, action)
    y = x @ first['w'].transpose(1, 0, 2).reshape(inputs, count * units)
    y = y.reshape(*x.shape[:-1], count, units) + first['b']
    y = mish(normed(first, y))
    outputs = []
    for k in range(count):
        p, out = (tree(lambda a: a[k], layer) for layer in (second, last))
        outputs.append(mish(normed(p, y[..., k, :] @ p['w'] + p['b'])) @ out['w'] + out['b'])
    return jnp.stack(outputs)


def bins(s):
    return jnp.linspace(-s['twoHot']['limit'], s['twoHot']['limit'], s['twoHot']['bins'])


def scalar_mean(output, s):
    y = (jax.nn.softmax(output, -1) * bins(s)).sum(-1)
    return jnp.sign(y) * jnp.expm1(jnp.abs(y))


def scalar_loss(output, x, s):
    limit, count = s['twoHot']['limit'], s['twoHot']['bins']
    y = jnp.clip(jnp.sign(x) * jnp.log1p(jnp.abs(x)), -limit, limit)
    place = (y + limit) * (count - 1) / (2 * limit)
    two_hot = jnp.maximum(0.0, 1 - jnp.abs(place[..., None] - jnp.arange(count)))
    return -(two_hot * jax.nn.log_softmax(output, -1)).sum(-1)


def policy(actor, latent, noise):
    """(sampled action, entropy bonus), from normal noise of the action's shape."""
    mean, raw = jnp.split(apply(actor, latent), 2, -1)
    low, high = LOG_STD
    log_std = low + 0.5 * (high - low) * (jnp.tanh(raw) + 1)
    entropy = noise.shape[-1] * (log_std + 0.5 * noise**2 + HALF_LOG_TWO_PI).sum(-1)
    return jnp.tanh(mean + jnp.exp(log_std) * noise), entropy


def values(heads, actor, latent, noise, s, actions):
    """Of states by each head: that of the policy's action, or the largest of all choices. [heads, ...]"""
    if actor is not None:
        return scalar_mean(head_outputs(heads, latent, policy(actor, latent, noise)[0]), s)
    each = jnp.broadcast_to(latent[..., None, :], (*latent.shape[:-1], actions, latent.shape[-1]))
    choices = jnp.broadcast_to(jnp.eye(actions), (*each.shape[:-1], actions))
    return scalar_mean(head_outputs(heads, each, choices), s)


def state_value(heads, actor, latent, noise, s, actions, judged):
    """Of what `judged` makes of the heads."""
    by_head = judged(values(heads, actor, latent, noise, s, actions), 0)
    return by_head if actor is not None else by_head.max(-1)


def some_heads(heads, chosen):
    return tree(lambda a: a[chosen], heads)


def pair(key, s):
    return jax.random.permutation(key, s['critic']['heads'])[:2]


# ---- updating


def optimizers(s):
    o = s['optimizer']
    groups = {'encoder': o['encoderScale'] * o['learningRate']}
    rate = lambda params: {name: tree(lambda _: groups.get(name, o['learningRate']), p) for name, p in params.items()}
    scaled = optax.stateless(lambda updates, params: tree(lambda u, r: -r * u, updates, rate(params)))
    model = optax.chain(optax.clip_by_global_norm(o['gradientClip']), optax.scale_by_adam(eps=MODEL_EPSILON), scaled)
    actor = optax.chain(
        optax.clip_by_global_norm(o['gradientClip']),
        optax.scale_by_adam(eps=o['actorEpsilon']),
        optax.scale(-o['learningRate']),
    )
    return model, actor


def learn(learner, windows, noise, s):
    """
    One update on windows whose observations are [time + 1, batch, ...]. `noise` names the heads that judge and the policy's
    noise: target_heads, target_action, actor_heads, actor_action. Terms are those of the reference.
    """
    model, actor, slow, scale = (learner[name] for name in ('model', 'actor', 'slow', 'scale'))
    observation, action, reward, terminated = (windows[name] for name in STEPS)
    steps, _, actions = action.shape
    rho = s['rho'] ** jnp.arange(steps + 1)
    weights = s['model']['weights']
    model_optimizer, actor_optimizer = optimizers(s)

    arrived = encode(model, observation[1:], s)
    target_heads = some_heads(slow, noise['target_heads'])
    value = state_value(target_heads, actor, arrived, noise['target_action'], s, actions, jnp.min)
    returns = reward + s['gamma'] * (1 - terminated) * value

    def loss(model):
        latents = [encode(model, observation[0], s)]
        for t in range(steps):
            latents.append(following(model, latents[-1], action[t], s))
        latents = jnp.stack(latents)
        weighted = lambda x: (x.mean(tuple(range(1, x.ndim))) * rho[:-1]).mean()
        outputs = head_outputs(model['value'], latents[:-1], action)
        terms = {
            'consistency': weighted((latents[1:] - arrived) ** 2),
            'reward': weighted(scalar_loss(apply(model['reward'], beside(latents[:-1], action)), reward, s)),
            'value': weighted(jnp.moveaxis(scalar_loss(outputs, returns[None], s), 0, -1)),
        }
        if 'termination' in model:
            logit = apply(model['termination'], latents[1:])[..., 0]
            terms['continue'] = optax.sigmoid_binary_cross_entropy(logit, terminated).mean()
        total = sum(weights[name] * term for name, term in terms.items())
        return total, (latents, {**terms, 'loss': total})

    (_, (latents, terms)), gradient = jax.value_and_grad(loss, has_aux=True)(model)
    terms['gradient_norm'] = optax.global_norm(gradient)
    change, model_state = model_optimizer.update(gradient, learner['model_state'], model)
    model = optax.apply_updates(model, change)
    rate = s['critic']['targetRate']
    after = {
        **learner,
        'model': model,
        'model_state': model_state,
        'slow': tree(lambda a, b: a + rate * (b - a), slow, model['value']),
    }
    if actor is None:
        return after, terms
    judging, latents = some_heads(model['value'], noise['actor_heads']), sg(latents)

    def actor_loss(actor):
        chosen, entropy = policy(actor, latents, noise['actor_action'])
        q = scalar_mean(head_outputs(judging, latents, chosen), s).mean(0)
        low, high = jnp.percentile(sg(q[0]), jnp.array([5.0, 95.0]))
        now = scale + s['actor']['scaleRate'] * (jnp.maximum(high - low, 1.0) - scale)
        return -((q / now + s['actor']['entropy'] * entropy).mean(1) * rho).mean(), now

    (terms['actor'], scale), gradient = jax.value_and_grad(actor_loss, has_aux=True)(actor)
    terms['actor_gradient_norm'], terms['value_scale'] = optax.global_norm(gradient), scale
    change, actor_state = actor_optimizer.update(gradient, learner['actor_state'], actor)
    return {**after, 'actor': optax.apply_updates(actor, change), 'actor_state': actor_state, 'scale': scale}, terms


def update(learner, replay, key, s, spaces):
    """One update on windows drawn from a replay."""
    batch, steps = s['replay']['batch'], s['replay']['length']
    actions = spaces['actions']
    keys = jax.random.split(key, 5)
    starts = jax.random.randint(keys[0], (batch,), 0, replay['reward'].shape[0] - steps)
    at = starts[None] + jnp.arange(steps)[:, None]
    windows = {name: replay[name][at] for name in STEPS}
    windows['observation'] = jnp.concatenate([windows['observation'], replay['observation'][starts + steps][None]])
    noise = {
        'target_heads': pair(keys[1], s),
        'target_action': jax.random.normal(keys[2], (steps, batch, actions)),
        'actor_heads': pair(keys[3], s),
        'actor_action': jax.random.normal(keys[4], (steps + 1, batch, actions)),
    }
    return learn(learner, windows, noise, s)


def new_learner(key, s, spaces):
    m, critic = s['model'], s['critic']
    observation, actions, units = spaces['observation'], spaces['actions'], m['hidden']
    keys = iter(jax.random.split(key, 64))

    def layer(inputs, outputs, norm=True, scale=0.02, heads=()):
        p = {
            'w': scale * jax.random.normal(next(keys), (*heads, inputs, outputs)),
            'b': jnp.zeros((*heads, outputs)),
        }
        return {**p, 'g': jnp.ones((*heads, outputs)), 's': jnp.zeros((*heads, outputs))} if norm else p

    def network(inputs, outputs, last_norm=False, scale=0.02, heads=()):
        return [
            layer(inputs, units, heads=heads),
            layer(units, units, heads=heads),
            layer(units, outputs, last_norm, scale, heads),
        ]

    width = m['encoderHidden']
    encoder = [layer(width if i else observation, width) for i in range(m['encoderLayers'])]
    count = s['twoHot']['bins']
    model = {
        'encoder': [*encoder, layer(width, m['latent'])],
        'dynamics': network(m['latent'] + actions, m['latent'], last_norm=True),
        'reward': network(m['latent'] + actions, count, scale=0.0),
        'value': network(m['latent'] + actions, count, scale=0.0, heads=(critic['heads'],)),
        **({'termination': network(m['latent'], 1)} if m['continueHead'] else {}),
    }
    box = spaces['actionSpace']['kind'] == 'box'
    actor = network(m['latent'], 2 * actions) if box else None
    model_optimizer, actor_optimizer = optimizers(s)
    return {
        'model': model,
        'model_state': model_optimizer.init(model),
        'slow': tree(jnp.copy, model['value']),
        'actor': actor,
        'actor_state': actor_optimizer.init(actor) if box else None,
        'scale': jnp.ones(()),
    }


def new_replay(key, size, spaces):
    """Made-up steps."""
    first, second, third = jax.random.split(key, 3)
    shape, actions = (size, spaces['observation']), spaces['actions']
    choices = spaces['actionSpace']['kind'] == 'discrete'
    return {
        'observation': jax.random.normal(first, shape),
        'action': jax.nn.one_hot(jax.random.randint(second, (size,), 0, actions), actions)
        if choices
        else jax.random.uniform(second, (size, actions), minval=-1, maxval=1),
        'reward': jax.random.normal(third, (size,)),
        'terminated': jnp.zeros(size),
    }


# ---- planning


class Return:
    """The return of plans, added up step by step: what comes after a predicted end counts nothing."""

    def __init__(self, learner, s):
        self.model, self.s, self.discount, self.total, self.alive = learner['model'], s, 1.0, 0.0, 1.0

    def step(self, latent, action):
        reward = scalar_mean(apply(self.model['reward'], beside(latent, action)), self.s)
        self.total = self.total + self.discount * self.alive * reward
        latent = following(self.model, latent, action, self.s)
        self.discount *= self.s['gamma']
        if 'termination' in self.model:
            self.alive = self.alive * (apply(self.model['termination'], latent)[..., 0] <= 0)
        return latent

    def spread(self, count):
        """Has every plan so far go on in `count` ways."""
        self.total, self.alive = (jnp.repeat(jnp.atleast_1d(x), count) for x in (self.total, self.alive))

    def ended(self, value):
        return self.total + self.discount * self.alive * value


def plan_numbers(learner, observation, memory, noise, s):
    """MPPI in a box: (action, the plan it leaves). `noise` as in the reference, where a search is greedy without final."""
    p, model, actor = s['planner'], learner['model'], learner['actor']
    horizon, actions = memory.shape
    start = encode(model, observation, s)
    latent, followed = jnp.broadcast_to(start, (noise['policy'].shape[1], start.size)), []
    for t in range(horizon):
        followed.append(policy(actor, latent, noise['policy'][t])[0])
        latent = following(model, latent, followed[-1], s)
    followed = jnp.stack(followed)
    starts = jnp.broadcast_to(start, (p['candidates'], start.size))

    def refine(proposal, given):
        mean, std = proposal
        drawn = jnp.clip(mean[:, None] + std[:, None] * given['samples'], -1, 1)
        plans = jnp.concatenate([followed, drawn], 1)
        judged, latent = Return(learner, s), starts
        for t in range(horizon):
            latent = judged.step(latent, plans[t])
        heads = some_heads(model['value'], given['heads'])
        returns = judged.ended(state_value(heads, actor, latent, given['leaf'], s, actions, jnp.mean))
        best, elites = jax.lax.top_k(returns, p['elites'])
        plans = plans[:, elites]
        weights = jax.nn.softmax(p['temperature'] * (best - best[0]))
        mean = (weights[:, None] * plans).sum(1)
        variance = (weights[:, None] * (plans - mean[:, None]) ** 2).sum(1)
        return (mean, jnp.clip(jnp.sqrt(variance), p['minStd'], p['maxStd'])), (plans[0], weights)

    shifted = jnp.concatenate([memory[1:], jnp.zeros((1, actions))])
    proposal = shifted, jnp.full_like(memory, p['maxStd'])
    each = {name: noise[name] for name in ('samples', 'leaf', 'heads')}
    (mean, std), (firsts, weights) = jax.lax.scan(refine, proposal, each)
    action = firsts[-1][jnp.argmax(jnp.log(weights[-1]) + noise['gumbel'])]
    if 'final' in noise:
        action = jnp.clip(action + std[0] * noise['final'], -1, 1)
    return action, mean


def plan_choices(learner, observation, chosen, s, spaces):
    """The first choice of the best of all sequences, whose prefixes are shared."""
    actions = spaces['actions']
    latent, judged = encode(learner['model'], observation, s)[None], Return(learner, s)
    for _ in range(s['planner']['horizon']):
        count = latent.shape[0]
        judged.spread(actions)
        latent = judged.step(jnp.repeat(latent, actions, 0), jnp.tile(jnp.eye(actions), (count, 1)))
    heads = some_heads(learner['model']['value'], chosen)
    returns = judged.ended(state_value(heads, None, latent, None, s, actions, jnp.mean))
    return jnp.argmax(returns.reshape(actions, -1).max(1))


def plan(learner, observation, memory, key, s, spaces):
    """One planned action of one environment, with the noise of collecting: (action, the plan it leaves)."""
    p, actions = s['planner'], spaces['actions']
    keys = jax.random.split(key, 6)
    if spaces['actionSpace']['kind'] == 'discrete':
        return plan_choices(learner, observation, pair(keys[0], s), s, spaces), memory
    of_policy = round(p['candidates'] / 20) if p['policyTrajectories'] == 'auto' else p['policyTrajectories']
    horizon, candidates, iterations = p['horizon'], p['candidates'], p['iterations']
    noise = {
        'policy': jax.random.normal(keys[0], (horizon, of_policy, actions)),
        'samples': jax.random.normal(keys[1], (iterations, horizon, candidates - of_policy, actions)),
        'leaf': jax.random.normal(keys[2], (iterations, candidates, actions)),
        'heads': jax.vmap(lambda k: pair(k, s))(jax.random.split(keys[3], iterations)),
        'gumbel': jax.random.gumbel(keys[4], (p['elites'],)),
        'final': jax.random.normal(keys[5], (actions,)),
    }
    return plan_numbers(learner, observation, memory, noise, s)


# ---- the references


def reference(name):
    with gzip.open(os.path.join(FIXTURES, f'{name}.json.gz')) as file:
        return json.load(file)


def arrays(given):
    """A reference's numbers, whose lists of layers stay lists."""
    if isinstance(given, dict):
        return {name: arrays(part) for name, part in given.items()}
    if given and isinstance(given[0], dict):
        return [arrays(layer) for layer in given]
    return jnp.asarray(given, jnp.float32)


def joined_heads(networks):
    """The value heads q0, q1, ... as one network."""
    heads = [networks[name] for name in sorted(networks) if name[:1] == 'q']
    return tree(lambda *x: jnp.stack(x), *heads)


def own_networks(networks):
    return {
        **{name: layers for name, layers in networks.items() if name[:1] != 'q'},
        'value': joined_heads(networks),
    }


def reference_config(config):
    return {
        'gamma': config['gamma'],
        'rho': config['rho'],
        'model': {
            'simNorm': config['groupSize'],
            'weights': {**{k: config[k] for k in ('consistency', 'reward', 'value')}, 'continue': config['termination']},
        },
        'twoHot': {'bins': config['bins'], 'limit': config['high']},
        'critic': {'targetRate': config['tau']},
        'actor': {'entropy': config['entropy'], 'scaleRate': config['tau']},
        'optimizer': {
            'learningRate': config['learningRate'],
            'encoderScale': config['encoderScale'],
            'actorEpsilon': 1e-5,
            'gradientClip': config['clip'],
        },
    }


def check():
    """Compares two updates in a row and a plan with the references; how many numbers differ."""
    return check_updates() + check_plan()


def check_updates():
    given = reference('tdmpc2_update')
    s = reference_config(given['config'])
    start, end = arrays(given['start']), arrays({k: given['end'][k] for k in ('model', 'policy', 'targetQ')})
    model = own_networks(start['model'])
    model_optimizer, actor_optimizer = optimizers(s)
    learner = {
        'model': model,
        'model_state': model_optimizer.init(model),
        'slow': joined_heads(start['targetQ']),
        'actor': start['policy'],
        'actor_state': actor_optimizer.init(start['policy']),
        'scale': jnp.ones(()),
    }
    failures = 0
    for step in given['updates']:
        batch = {name: jnp.asarray(x) for name, x in step['batch'].items()}
        windows = dict(zip(STEPS, (batch[name] for name in ('observations', 'actions', 'rewards', 'terminated'))))
        noise = {
            'target_heads': batch['targetHeads'],
            'target_action': batch['targetNoise'],
            'actor_heads': batch['policyHeads'],
            'actor_action': batch['policyNoise'],
        }
        learner, terms = jax.jit(lambda *inputs: learn(*inputs, s))(learner, windows, noise)
        result = step['result']
        failures += peer.compare_terms(
            terms,
            {
                'consistency': result['consistencyLoss'],
                'reward': result['rewardLoss'],
                'value': result['valueLoss'],
                'continue': result['terminationLoss'],
                'loss': result['totalLoss'],
                'gradient_norm': result['gradNorm'],
                'actor': result['policyLoss'],
                'actor_gradient_norm': result['policyGradNorm'],
                'value_scale': result['policyScale'],
            },
        )
    after = {'model': learner['model'], 'actor': learner['actor'], 'slow': learner['slow']}
    wanted = {'model': own_networks(end['model']), 'actor': end['policy'], 'slow': joined_heads(end['targetQ'])}
    for part, networks in after.items():
        pairs = zip(jax.tree_util.tree_leaves(networks), jax.tree_util.tree_leaves(wanted[part]), strict=True)
        worst = max(float(jnp.abs(a - b).max()) for a, b in pairs)
        failures += worst > 1e-5
        print(f'{part} weights after two updates: largest difference {worst:.1e}')
    return failures


def check_plan():
    given = reference('mppi_plan')
    config, sizes = given['config'], given['sizes']
    model = own_networks(arrays(given['model']))
    s = {
        'gamma': given['gamma'],
        'model': {'simNorm': sizes['groupSize']},
        'twoHot': {'bins': sizes['bins'], 'limit': sizes['high']},
        'planner': {'candidates': config['samples'], **{k: config[k] for k in ('elites', 'temperature', 'minStd', 'maxStd')}},
    }
    noise = {name: jnp.asarray(x) for name, x in given['noise'].items()}
    learner = {'model': model, 'actor': arrays(given['policy'])}
    inputs = jnp.asarray(given['observation']), jnp.asarray(given['previousMean'])
    greedy = {name: x for name, x in noise.items() if name != 'final'}
    found = {
        'trainingAction': plan_numbers(learner, *inputs, noise, s)[0],
        'evaluationAction': plan_numbers(learner, *inputs, greedy, s)[0],
        'nextPreviousMean': plan_numbers(learner, *inputs, noise, s)[1],
    }
    failures = 0
    for name, value in found.items():
        worst = float(np.abs(np.asarray(value) - np.asarray(given['result'][name])).max())
        failures += worst > 1e-4
        print(f'{name}: largest difference {worst:.1e}')
    return failures
