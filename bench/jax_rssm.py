"""
Dreamer's networks in JAX: the recurrent state-space model of v1 to v3, by the config keys of wm.

`s` is a config as wm resolves it, `spaces` what wm's agents know of an environment. Every function is written for one
member and vmapped over members by its caller. Parameters have wm's names. Shapes: windows [batch, time, ...]; a step
of a window is an observation with the action, reward and end that led to it.
"""

import math

import jax
import jax.numpy as jnp

sg = jax.lax.stop_gradient
GROUPS = ('model', 'critic', 'actor')
ACTIVATIONS = {'silu': jax.nn.silu, 'elu': jax.nn.elu}


# ---- networks


def linear(p, name, x):
    """x W + b, with a block-diagonal W where it has three axes."""
    weight, bias = p[f'{name}.weight'], p[f'{name}.bias']
    if weight.ndim == 2:
        return x @ weight + bias
    rows = x.reshape(*x.shape[:-1], weight.shape[0], -1)
    return jnp.einsum('...ki,kio->...ko', rows, weight).reshape(*x.shape[:-1], -1) + bias


def layer(p, name, x, s):
    y = linear(p, name, x)
    if s['model']['norm']:
        y = y * jax.lax.rsqrt((y**2).mean(-1, keepdims=True) + 1e-4) * p[f'{name}.scale']
    return ACTIVATIONS[s['model']['activation']](y)


def hidden(p, name, layers, x, s):
    for i in range(layers):
        x = layer(p, f'{name}.{i}', x, s)
    return x


def mlp(p, name, layers, x, s):
    return linear(p, f'{name}.out', hidden(p, name, layers, x, s))


def init(key, s, spaces):
    """Fresh parameters of model, critic and actor."""
    m = s['model']
    categorical = m['latent'] == 'categorical'
    z = m['stoch'] * m['classes'] if categorical else m['stoch']
    outputs = z if categorical else 2 * z
    bins = {'two-hot': s['twoHot']['bins'], 'squared': 1}
    observation, actions, units, deter, width = spaces['observation'], spaces['actions'], m['units'], m['deter'], m['hidden']
    choices = spaces['actionSpace']['kind'] == 'discrete'
    p = {}

    def one(name, inputs, outputs, scale=1.0, blocks=None, norm=False):
        nonlocal key
        key, now = jax.random.split(key)
        shape = (inputs, outputs) if blocks is None else (blocks, inputs // blocks, outputs // blocks)
        p[f'{name}.weight'] = jax.random.truncated_normal(now, -2, 2, shape) * 1.1368 * scale / math.sqrt(inputs)
        p[f'{name}.bias'] = jnp.zeros(outputs)
        if norm:
            p[f'{name}.scale'] = jnp.ones(outputs)

    def several(name, layers, inputs, units):
        for i in range(layers):
            one(f'{name}.{i}', units if i else inputs, units, norm=m['norm'])

    def network(name, layers, inputs, units, outputs, scale=1.0):
        several(name, layers, inputs, units)
        one(f'{name}.out', units, outputs, scale)

    several('encoder', m['encoderLayers'], observation, units)
    if m['cell'] == 'gru':
        one('rssm.input', z + actions, width, norm=m['norm'])
        one('rssm.gates', width + deter, 3 * deter, blocks=1)
    else:
        for part, inputs in (('deter', deter), ('stoch', z), ('action', actions)):
            one(f'rssm.{part}', inputs, width, norm=m['norm'])
        one('rssm.hidden', deter + m['blocks'] * 3 * width, deter, blocks=m['blocks'], norm=m['norm'])
        one('rssm.gates', deter, 3 * deter, blocks=m['blocks'])
    network('rssm.posterior', 1, deter + units, width, outputs)
    network('rssm.prior', m['priorLayers'], deter, width, outputs)
    network('decoder', m['decoderLayers'], deter + z, units, observation)
    network('reward', m['headLayers'], deter + z, units, bins[m['rewardHead']], 0.0)
    if m['continueHead']:
        network('continue', m['headLayers'], deter + z, units, 1)
    network('critic', s['critic']['layers'], deter + z, units, bins[s['critic']['head']], 0.0)
    network('actor', s['actor']['layers'], deter + z, units, actions if choices else 2 * actions, 0.01)
    return split_groups(p)


def split_groups(p):
    """Parameters by what learns with a step size of its own."""
    group = lambda name: name.split('.')[0] if name.startswith(('critic.', 'actor.')) else 'model'
    return {which: {name: x for name, x in p.items() if group(name) == which} for which in GROUPS}


# ---- distributions


def mixed(logits, mix):
    """log((1 - mix) softmax + mix / n)"""
    return jax.nn.log_softmax(logits) if mix == 0 else jnp.log((1 - mix) * jax.nn.softmax(logits) + mix / logits.shape[-1])


def straight_through(index, log_p):
    p = jnp.exp(log_p)
    return jax.nn.one_hot(index, log_p.shape[-1]) + p - sg(p)


def latent_log_p(output, s):
    m = s['model']
    return mixed(output.reshape(*output.shape[:-1], m['stoch'], m['classes']), m['unimix'])


def mean_and_std(output):
    mean, raw = jnp.split(output, 2, -1)
    return mean, jax.nn.softplus(raw) + 0.1


def sample_latent(output, noise, s):
    """z: by inversion of uniform noise, a number per variable, or mean + std * normal noise."""
    if s['model']['latent'] == 'gaussian':
        mean, std = mean_and_std(output)
        return mean + std * noise
    log_p = latent_log_p(output, s)
    passed = (jnp.cumsum(jnp.exp(log_p), -1) <= noise[..., None]).sum(-1)
    return straight_through(jnp.minimum(passed, log_p.shape[-1] - 1), log_p).reshape(output.shape)


def latent_kl(p, q, s):
    if s['model']['latent'] == 'gaussian':
        (mean_p, std_p), (mean_q, std_q) = mean_and_std(p), mean_and_std(q)
        return (((std_p / std_q) ** 2 + ((mean_p - mean_q) / std_q) ** 2 - 1) / 2 - jnp.log(std_p / std_q)).sum(-1)
    log_p, log_q = latent_log_p(p, s), latent_log_p(q, s)
    return (jnp.exp(log_p) * (log_p - log_q)).sum((-2, -1))


def bins_above(s):
    """The positive half of the two-hot bins."""
    middle = (s['twoHot']['bins'] - 1) // 2
    return jnp.expm1(jnp.arange(1, middle + 1) * (s['twoHot']['limit'] / middle))


def scalar_mean(output, head, s):
    if head == 'squared':
        return output[..., 0]
    p, above = jax.nn.softmax(output), bins_above(s)
    middle = above.shape[0]
    return ((p[..., middle + 1 :] - p[..., :middle][..., ::-1]) * above).sum(-1)


def scalar_loss(output, target, head, s):
    if head == 'squared':
        return 0.5 * (output[..., 0] - target) ** 2
    above = bins_above(s)
    bins = jnp.concatenate([-above[::-1], jnp.zeros(1), above])
    x = jnp.clip(target, bins[0], bins[-1])
    low = jnp.clip((bins <= x[..., None]).sum(-1) - 1, 0, bins.shape[0] - 2)
    share = (x - bins[low]) / (bins[low + 1] - bins[low])
    log_p = jax.nn.log_softmax(output)
    at = lambda index: jnp.take_along_axis(log_p, index[..., None], -1)[..., 0]
    return -((1 - share) * at(low) + share * at(low + 1))


# ---- the recurrent state-space model


def as_seen(windows, s, spaces):
    """Windows in the environment's units as the networks see them."""
    space, action = spaces['actionSpace'], windows['action']
    if space['kind'] == 'discrete':
        action = jax.nn.one_hot(action, space['n'])
    else:
        low, high = jnp.asarray(space['low']), jnp.asarray(space['high'])
        action = (action - (low + high) / 2) / ((high - low) / 2)
    reward = windows['reward'] / (spaces['rewardScale'] if s['model']['scaledRewards'] else 1)
    observation = windows['observation'] / jnp.asarray(spaces['observationScale'])
    return windows | dict(observation=observation, action=action, reward=reward)


def action_input(p, action, s):
    return action if s['model']['cell'] == 'gru' else layer(p, 'rssm.action', action, s)


def sequence(p, h, z, action, s):
    """h' = f(h, z, a), a as `action_input` gives it."""
    if s['model']['cell'] == 'gru':
        x = jnp.concatenate([layer(p, 'rssm.input', jnp.concatenate([z, action], -1), s), h], -1)
    else:
        x = jnp.concatenate([layer(p, 'rssm.deter', h, s), layer(p, 'rssm.stoch', z, s), action], -1)
        own = h.reshape(*h.shape[:-1], s['model']['blocks'], -1)
        shared = jnp.broadcast_to(x[..., None, :], (*own.shape[:-1], x.shape[-1]))
        x = layer(p, 'rssm.hidden', jnp.concatenate([own, shared], -1).reshape(*h.shape[:-1], -1), s)
    gates = linear(p, 'rssm.gates', x).reshape(*h.shape[:-1], p['rssm.gates.weight'].shape[0], -1)
    reset, candidate, update = (x.reshape(h.shape) for x in jnp.split(gates, 3, -1))
    update = jax.nn.sigmoid(update - 1)
    return update * jnp.tanh(jax.nn.sigmoid(reset) * candidate) + (1 - update) * h


def prior(p, h, s):
    return mlp(p, 'rssm.prior', s['model']['priorLayers'], h, s)


def scan_time(step, carry, inputs):
    """A scan along the second axis: [batch, time, ...]."""
    swap = lambda x: x.swapaxes(0, 1)
    carry, outputs = jax.lax.scan(step, carry, jax.tree.map(swap, inputs))
    return carry, jax.tree.map(swap, outputs)


def observe(p, windows, seen, noise, s):
    """(h, z, outputs for q(z | h, e)) along real sequences."""
    keep = 1 - windows['first'][..., None]
    embedded = hidden(p, 'encoder', s['model']['encoderLayers'], seen, s)

    def step(state, inputs):
        e, action, k, noise = inputs
        h = sequence(p, state[0] * k, state[1] * k, action, s)
        output = mlp(p, 'rssm.posterior', 1, jnp.concatenate([h, e], -1), s)
        state = h, sample_latent(output, noise, s)
        return state, (*state, output)

    start = tuple(jnp.split(windows['before'], [s['model']['deter']], -1))
    return scan_time(step, start, (embedded, action_input(p, windows['action'] * keep, s), keep, noise))[1]


def continue_logit(p, features, s):
    return mlp(p, 'continue', s['model']['headLayers'], features, s)[..., 0]


def model_terms(p, windows, noise, s, spaces):
    """(the loss's terms before their weights, h, z) on real sequences."""
    m = s['model']
    seen = windows['observation'] * (1 if m['scaledObservations'] else jnp.asarray(spaces['observationScale']))
    seen = jnp.sign(seen) * jnp.log1p(jnp.abs(seen)) if m['symlog'] else seen
    h, z, posterior = observe(p, windows, seen, noise, s)
    features, predicted = jnp.concatenate([h, z], -1), prior(p, h, s)

    def beyond_free(kl):
        if m['freeNatsOver'] == 'state':
            return jnp.maximum(kl, m['freeNats']).mean()
        return jnp.maximum(kl.mean(), m['freeNats'])

    reward = mlp(p, 'reward', m['headLayers'], features, s)
    terms = {
        'reconstruction': ((mlp(p, 'decoder', m['decoderLayers'], features, s) - seen) ** 2).sum(-1).mean(),
        'reward': scalar_loss(reward, windows['reward'], m['rewardHead'], s).mean(),
        'dynamics': beyond_free(latent_kl(sg(posterior), predicted, s)),
        'representation': beyond_free(latent_kl(posterior, sg(predicted), s)),
    }
    if m['continueHead']:
        logit = continue_logit(p, features, s)
        target = (1 - windows['terminal']) * (s['gamma'] if s['discountInContinue'] else 1)
        terms['continue'] = -(target * jax.nn.log_sigmoid(logit) + (1 - target) * jax.nn.log_sigmoid(-logit)).mean()
    return terms, h, z
