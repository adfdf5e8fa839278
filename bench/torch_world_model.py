"""
One update of the dream critic or the baseline in PyTorch eager, all members in one batch: the algorithm of the README.

Symbols and settings are the README's; `s` is a config as wm resolves it. Shapes: windows [members, batch, time, ...],
imagination [members, starts, horizon, ...]. Gates: input, forget, candidate, output.
"""

import torch
import torch.nn.functional as F

import peer

SCALE = torch.tensor([1.0, 1.0, 0.1, 1.0])
ACTIONS = 2


# ---- parameters: one flat tensor [members, size] per optimizer, seen as named views


def mlp_shapes(name, inputs, hidden, outputs):
    widths = [inputs, *hidden, outputs]
    shapes = {}
    for i in range(len(widths) - 1):
        shapes |= linear_shapes(f'{name}.{i}', widths[i], widths[i + 1])
    return shapes


def linear_shapes(name, inputs, outputs):
    return {f'{name}.weight': (inputs, outputs), f'{name}.bias': (outputs,)}


def model_shapes(s):
    latent, units, hidden = s['model']['latent'], s['model']['lstm'], s['model']['hidden']
    shapes = (
        mlp_shapes('encoder', 4, hidden, 2 * latent)
        | mlp_shapes('decoder', latent, hidden, 4)
        | linear_shapes('lstm_input', latent + ACTIONS, 4 * units)
        | linear_shapes('lstm_hidden', units, 4 * units)
        | linear_shapes('latent_head', units, latent)
        | linear_shapes('reward', latent, 1)
        | mlp_shapes('continue', latent, hidden, 1)
    )
    # The critic comes last, so that its parameters are the end of the flat tensor.
    return shapes | critic_shapes(s) if peer.arm(s) == 'dream-critic' else shapes


def critic_shapes(s):
    return mlp_shapes('critic', s['model']['latent'], s['critic']['hidden'], 1)


def actor_shapes(s):
    return mlp_shapes('actor', s['model']['latent'], s['actor']['hidden'], ACTIONS)


def size_of(shapes):
    return sum(torch.Size(shape).numel() for shape in shapes.values())


def unpack(flat, shapes):
    pieces = flat.split([torch.Size(shape).numel() for shape in shapes.values()], 1)
    return {name: x.view(-1, *shape) for (name, shape), x in zip(shapes.items(), pieces)}


def random_parameters(shapes, members):
    """Fan-in scaled weights and zero biases: enough for timing, where only shapes matter."""
    parts = [
        torch.randn(members, torch.Size(shape).numel()) / shape[0] ** 0.5
        if name.endswith('weight')
        else torch.zeros(members, *shape)
        for name, shape in shapes.items()
    ]
    return torch.cat(parts, 1)


# ---- networks


def linear(p, name, x):
    """[members, ..., inputs] -> [members, ..., outputs]."""
    rows = x.reshape(x.shape[0], -1, x.shape[-1])
    y = torch.baddbmm(p[f'{name}.bias'].unsqueeze(1), rows, p[f'{name}.weight'])
    return y.view(*x.shape[:-1], -1)


def mlp(p, name, x, hidden):
    for i in range(len(hidden)):
        x = torch.relu(linear(p, f'{name}.{i}', x))
    return linear(p, f'{name}.{len(hidden)}', x)


def value(p, latent, s):
    return mlp(p, 'critic', latent, s['critic']['hidden']).squeeze(-1)


def target_value(target, latent, s):
    """The bootstrap: clipped to what rewards of 1 allow."""
    unbounded = value(target, latent, s)
    return unbounded.clamp(0, 1) if s['critic']['boundedTarget'] else unbounded


def continue_logit(model, latent, s):
    return mlp(model, 'continue', latent, s['model']['hidden']).squeeze(-1)


def log_policy(actor, latent, s):
    return torch.log_softmax(mlp(actor, 'actor', latent, s['actor']['hidden']), -1)


def lstm_cell(gates, cell):
    i, f, g, o = gates.chunk(4, -1)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(cell), cell


def predict_sequence(model, latent, action, first):
    """Teacher-forced: (state before each step: h, c; predicted next latent), each [members, batch, time, ...]."""
    gates = linear(model, 'lstm_input', torch.cat([latent, action], -1))
    hidden = cell = latent.new_zeros(*latent.shape[:2], gates.shape[-1] // 4)
    before, after = [], []
    for gate, keep in zip(gates.unbind(2), (1 - first).unsqueeze(-1).unbind(2)):
        hidden, cell = hidden * keep, cell * keep
        before.append((hidden, cell))
        hidden, cell = lstm_cell(gate + linear(model, 'lstm_hidden', hidden), cell)
        after.append(hidden)
    hiddens, cells = (torch.stack(states, 2) for states in zip(*before))
    return hiddens, cells, latent + linear(model, 'latent_head', torch.stack(after, 2))


# ---- losses: every term is [members]


def member_mean(x):
    return x.flatten(1).mean(1)


def distance(x, y):
    return member_mean(((x - y) ** 2).sum(-1))


def model_loss(model, target, windows, beta, noise, s):
    """L_dream (L_base for the baseline) on real transitions, its terms, and where imagination may start."""
    observation, action, next_observation, terminated, first = windows
    both = torch.cat([observation, next_observation], 2)
    mean, log_variance = mlp(model, 'encoder', both, s['model']['hidden']).chunk(2, -1)
    log_variance = log_variance.clamp(-8, 4)
    latent, next_latent = (mean + torch.exp(0.5 * log_variance) * noise).chunk(2, 2)
    mean_now, next_mean = mean.chunk(2, 2)
    hidden, cell, predicted = predict_sequence(model, latent, action, first)

    decoded = mlp(model, 'decoder', torch.cat([latent, predicted], 2), s['model']['hidden'])
    reconstruction, predicted_reconstruction = decoded.chunk(2, 2)
    logits = continue_logit(model, torch.cat([predicted, next_latent], 2), s)
    alive = (1 - terminated).repeat(1, 1, 2)
    reward = torch.ones_like(terminated)
    terms = {
        'reconstruction': distance(reconstruction, observation),
        'predicted_reconstruction': distance(predicted_reconstruction, next_observation),
        'latent_consistency': distance(predicted, next_mean.detach()),
        'kl': member_mean(0.5 * (mean**2 + torch.exp(log_variance) - 1 - log_variance)),
        'reward': member_mean((linear(model, 'reward', predicted).squeeze(-1) - reward) ** 2),
        'continue': 2 * member_mean(F.binary_cross_entropy_with_logits(logits, alive, reduction='none')),
    }
    loss = peer.base_loss(terms, beta, s)
    if target is not None:
        gamma = s['gamma']
        with torch.no_grad():
            y = (1 - gamma) * reward + gamma * (1 - terminated) * target_value(target, next_mean, s)
        mask = 1 - first[:, :, 1:]
        of_latent, of_predicted = value(model, torch.cat([latent, predicted], 2), s).chunk(2, 2)
        on_predicted = mask * (of_predicted[:, :, :-1] - y[:, :, 1:]) ** 2
        terms['critic'] = member_mean((of_latent - y) ** 2) + on_predicted.flatten(1).sum(1) / mask.flatten(
            1
        ).sum(1).clamp(min=1)
        loss = loss + s['lambda'] * terms['critic']
    return loss, terms, (mean_now, hidden, cell)


@torch.no_grad()
def imagine(model, start, choose, s):
    """(latents, one-hot actions, next latents), each [members, starts, horizon, ...]."""
    weight = torch.cat([model['lstm_input.weight'], model['lstm_hidden.weight']], 1)
    bias = (model['lstm_input.bias'] + model['lstm_hidden.bias']).unsqueeze(1)
    latent, hidden, cell = start
    latents, actions = [latent], []
    for t in range(s['horizon']):
        action = choose(latent, t)
        hidden, cell = lstm_cell(torch.baddbmm(bias, torch.cat([latent, action, hidden], -1), weight), cell)
        latent = latent + linear(model, 'latent_head', hidden)
        latents.append(latent)
        actions.append(action)
    return torch.stack(latents[:-1], 2), torch.stack(actions, 2), torch.stack(latents[1:], 2)


def lambda_return(reward, discount, next_value, lam):
    following, returns = next_value[..., -1], []
    for t in reversed(range(reward.shape[-1])):
        following = reward[..., t] + discount[..., t] * ((1 - lam) * next_value[..., t] + lam * following)
        returns.append(following)
    return torch.stack(returns[::-1], -1)


@torch.no_grad()
def imagined_returns(model, target, value_of_latents, next_latents, s):
    """(w, lambda-return, advantage); the baseline's return is cut off at the horizon."""
    gamma = s['gamma']
    reward = (1 - gamma) * linear(model, 'reward', next_latents).squeeze(-1)
    go_on = torch.sigmoid(continue_logit(model, next_latents, s))
    weight = torch.cat([torch.ones_like(go_on[..., :1]), go_on.cumprod(-1)[..., :-1]], -1)
    if target is None:
        returns = lambda_return(reward, gamma * go_on, torch.zeros_like(reward), 1.0)
        advantage = returns - returns.mean(1, keepdim=True)
    else:
        returns = lambda_return(reward, gamma * go_on, target_value(target, next_latents, s), s['critic']['returnLambda'])
        advantage = returns - value_of_latents
    low, high = torch.quantile(returns.flatten(1), torch.tensor([0.05, 0.95]), 1)
    return weight, returns, advantage / (high - low).clamp(min=s['actor']['returnRangeFloor']).view(-1, 1, 1)


def actor_loss(log_probability, actions, weight, advantage, s):
    chosen = (log_probability * actions).sum(-1)
    entropy = -(log_probability.exp() * log_probability).sum(-1)
    return -member_mean(weight * (chosen * advantage + s['actor']['entropy'] * entropy))


# ---- one update


class Learner:
    """All members' weights, [members, size] each, with an Adam for the model and one for the actor."""

    def __init__(self, model, actor, target, s):
        self.s = s
        self.shapes = dict(model=model_shapes(s), actor=actor_shapes(s), critic=critic_shapes(s))
        self.model, self.actor = model.requires_grad_(), actor.requires_grad_()
        self.target = target
        self.encoder_size = size_of(mlp_shapes('encoder', 4, s['model']['hidden'], 2 * s['model']['latent']))
        self.average_encoder = model.detach()[:, : self.encoder_size].clone()
        self.average_actor = actor.detach().clone()
        self.updates = 0
        self.optimizers = [
            torch.optim.Adam([self.model], lr=s['learningRate'], fused=True),
            torch.optim.Adam([self.actor], lr=s['actor']['learningRate'], fused=True),
        ]

    def learn(self, windows, beta, noise, starts, choose):
        """One update from given noise: the loss terms. `choose(actor)` picks imagined actions."""
        s = self.s
        model, actor = unpack(self.model, self.shapes['model']), unpack(self.actor, self.shapes['actor'])
        target = self.target is not None and unpack(self.target, self.shapes['critic']) or None
        loss, terms, inference = model_loss(model, target, windows, beta, noise, s)
        terms['total'] = loss
        start = tuple(
            x.detach().flatten(1, 2).gather(1, starts.unsqueeze(-1).expand(-1, -1, x.shape[-1])) for x in inference
        )
        latents, actions, next_latents = imagine(model, start, choose(actor), s)
        value_of_latents = value(model, latents, s) if target else None
        weight, returns, advantage = imagined_returns(model, target, value_of_latents, next_latents, s)
        if target:
            terms['imagined_critic'] = member_mean(weight * (value_of_latents - returns) ** 2)
            loss = loss + s['lambda'] * terms['imagined_critic']
        terms['actor'] = actor_loss(log_policy(actor, latents, s), actions, weight, advantage, s)

        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        (loss + terms['actor']).sum().backward()
        terms['gradient_norm'] = self.model.grad.norm(dim=1)
        for parameters, optimizer in zip((self.model, self.actor), self.optimizers):
            norm = parameters.grad.norm(dim=1, keepdim=True)
            parameters.grad.mul_((s['gradientClip'] / (norm + 1e-9)).clamp(max=1))
            optimizer.step()
        with torch.no_grad():
            if target:
                self.target.lerp_(self.model[:, -self.target.shape[1] :], s['critic']['targetRate'])
            self.updates += 1
            rate = peer.average_rate_at(s, self.updates, max)
            self.average_encoder.lerp_(self.model[:, : self.encoder_size], rate)
            self.average_actor.lerp_(self.actor, rate)
        return terms
