"""Chooses the points of synthetic clips, and computes their tracks and visibility from the geometry."""

import torch
from torch import Tensor

from tracker.training.motion import Bend
from tracker.training.render import Frame, Textures, View, mirrored, sample_layer, to_texture, to_world

CANDIDATES = 8  # for every point wanted
SOLID = 0.9  # the least alpha of a point's own texture
COVERS = 0.5  # the alpha of a higher layer that hides a point
STRONGEST = 12.0  # preference for hidden or for visible points


def choose_points(
    textures: Textures,
    view: View,
    present: Tensor,
    frame: Frame,
    count: int,
    hidden: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Points on surfaces, their tracks (B, T, N, 2) in pixels and visibility (B, T, N).

    About 70 % lie on objects, the others on the background, by preference where there is texture. Among them those
    are chosen with which ``hidden`` of the (point, frame) pairs after the first sight are hidden.
    """
    batch = len(present)
    layer, texture, weight = _candidates(textures, view, present, frame, count * CANDIDATES, generator)
    tracks, visible = follow(textures, view, layer, texture, frame)
    seen = visible.sum(1)
    usable = (weight > 0) & (seen >= min(2, visible.shape[1]))
    after = visible.cummax(1).values
    unseen = 1 - seen / after.sum(1).clamp(min=1)
    preference = torch.where(usable, weight.clamp(min=1e-6).log(), -torch.inf)
    # Clips differ; where little is hidden at all no choice reaches the share, so others have to go beyond it.
    aim = hidden * (0.7 + 1.1 * torch.rand(batch, 1, generator=generator, device=preference.device))
    preference = preference + _slope(preference, unseen, aim.clamp(max=0.95)) * unseen
    noise = torch.rand(preference.shape, generator=generator, device=preference.device).clamp(1e-9, 1 - 1e-7)
    score = preference - (-noise.log()).log()
    best = score.topk(count, dim=1)
    # Where too few are usable the best one is repeated.
    chosen = torch.where(best.values > -torch.inf, best.indices, best.indices[:, :1])
    frames = visible.shape[1]
    visible = visible.gather(2, chosen[:, None].expand(batch, frames, count))
    return tracks.gather(2, chosen[:, None, :, None].expand(batch, frames, count, 2)), visible


def follow(textures: Textures, view: View, layer: Tensor, texture: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
    """The tracks (B, T, N, 2) in pixels and visibility (B, T, N) of texture points (B, N, 2) of layers (B, N)."""
    batch = len(layer)
    frames = len(view.forward) // batch
    clip = torch.arange(batch, device=layer.device).repeat_interleave(frames)
    moment = torch.arange(batch * frames, device=layer.device)[:, None]
    own = layer[clip]
    forward = view.forward[moment, own]
    bend = Bend(*(tensor[moment, own] for tensor in view.bend))
    world = to_world(forward, bend, texture[clip][:, :, None])[:, :, 0]
    tracks = frame.to_pixels(world)
    edge = torch.tensor([frame.width - 1, frame.height - 1], device=layer.device)
    visible = ((tracks >= 0) & (tracks <= edge)).all(-1)
    for higher in range(1, view.forward.shape[1]):
        alpha = alpha_at(textures, view, higher, clip, world)
        visible &= (alpha <= COVERS) | (own >= higher)
    return tracks.unflatten(0, (batch, frames)), visible.unflatten(0, (batch, frames))


def alpha_at(textures: Textures, view: View, layer: int, clip: Tensor, world: Tensor) -> Tensor:
    """The alpha of an object at world points (F, P, 2): (F, P)."""
    point = to_texture(view.inverse[:, layer], view.bend_of(layer, slice(None)), world)
    return sample_layer(textures.objects[layer - 1, 3:], clip, point)[:, 0]


def _candidates(
    textures: Textures, view: View, present: Tensor, frame: Frame, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Layers (B, C), texture points (B, C, 2) and weights (B, C), 0 where there is no surface."""
    batch, device = len(present), present.device
    frames = len(view.forward) // batch
    on_object = int(count * 0.7) if present.shape[1] > 1 else 0
    random = torch.rand(batch, count, 3, generator=generator, device=device)
    objects = present[:, 1:].sum(1, keepdim=True)
    layer = 1 + (random[..., 2] * objects).long().clamp(max=present.shape[1] - 2)
    texture = random[..., :2] * 2 - 1
    layer[:, on_object:] = 0
    # Of the background, what is in the frame at some moment.
    moment = (random[:, on_object:, 2] * frames).long().clamp(max=frames - 1)
    moment = moment + torch.arange(batch, device=device)[:, None] * frames
    limit = torch.tensor([frame.width - 1, frame.height - 1], device=device)
    world = frame.to_world(random[:, on_object:, :2] * limit)
    bend = Bend(*(tensor[moment, 0] for tensor in view.bend))
    texture[:, on_object:] = to_texture(view.inverse[moment, 0], bend, world[:, :, None])[:, :, 0]
    weight = _contrast(textures, layer, texture)
    weight[:, :on_object] *= (objects > 0).float()
    return layer, texture, weight


def _contrast(textures: Textures, layer: Tensor, texture: Tensor) -> Tensor:
    """A weight (B, C) that grows with the texture around points; 0 off the surface and at its edge."""
    clip = torch.arange(len(layer), device=layer.device)
    step = 3.0 / textures.objects.shape[-1]  # one and a half texels
    cross = step * torch.tensor([[0.0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], device=layer.device)
    places = (texture[:, :, None] + cross).flatten(1, 2)
    look = sample_layer(textures.background, clip, mirrored(places))
    look = torch.cat([look, torch.ones_like(look[:, :1])], 1).unflatten(2, (-1, len(cross)))
    for index in range(len(textures.objects)):
        object_look = sample_layer(textures.objects[index], clip, places).unflatten(2, (-1, len(cross)))
        look = torch.where((layer == index + 1)[:, None, :, None], object_look, look)
    change = (look[:, :3, :, 1::2] - look[:, :3, :, 2::2]).abs().sum((1, 3))
    solid = look[:, 3].amin(-1) > SOLID
    return (0.2 + change.clamp(max=1)) * solid


def _slope(preference: Tensor, unseen: Tensor, hidden: Tensor) -> Tensor:
    """The strength of preference (B, 1) for hidden points with which their expected share is ``hidden`` (B, 1)."""
    low = torch.full_like(unseen[:, :1], -STRONGEST)
    high = -low
    for _ in range(16):
        middle = (low + high) / 2
        share = ((preference + middle * unseen).softmax(1) * unseen).sum(1, keepdim=True)
        low, high = torch.where(share < hidden, middle, low), torch.where(share < hidden, high, middle)
    return (low + high) / 2
