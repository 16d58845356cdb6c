"""Synthetic clips: drawn and computed positions agree, occlusion is exact, and the statistics are those asked for."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tracker.training.motion import Bend, Motion
from tracker.training.photometric import PhotometricConfig
from tracker.training.points import SOLID, alpha_at, follow
from tracker.training.render import Frame, Textures, View, draw, to_texture, to_world
from tracker.training.samples import Clips
from tracker.training.synthetic import SyntheticClips, SyntheticConfig
from tracker.training.textures import silhouettes

FRAME = Frame(72, 96)
FRAMES = 6
LAYERS = 4
PLAIN = PhotometricConfig(light=0, exposure=0, defocus=0, noise=0, compression=0, grey=0, vignette=0)
SMALL = SyntheticConfig(size=(48, 64), frames=8, points=16, effects=PLAIN, blur=0)

seeds = st.integers(0, 2**31 - 1)


def scene(seed: int) -> View:
    """Random poses of one clip, in even light."""
    motion = Motion(1, LAYERS, FRAMES, 1.0, torch.Generator().manual_seed(seed))
    clip = torch.zeros(FRAMES, dtype=torch.long)
    view = View.of(motion.poses(clip, torch.arange(FRAMES)), motion.reach[clip], torch.device("cpu"))
    return view._replace(gain=torch.ones_like(view.gain))


def frames_of(view: View, objects: Tensor, background: Tensor | None = None) -> Tensor:
    background = torch.zeros(1, 3, 8, 8) if background is None else background
    return draw(Textures.pile(background, objects), view, torch.zeros(FRAMES, dtype=torch.long), FRAME)


def look(video: Tensor, tracks: Tensor) -> Tensor:
    """Colours (T, N, 3) of frames (T, 3, H, W) at pixels (T, N, 2), bilinear."""
    size = torch.tensor([FRAME.width - 1, FRAME.height - 1])
    grid = (tracks / size * 2 - 1)[:, :, None]
    return F.grid_sample(video, grid, align_corners=True)[..., 0].transpose(1, 2)


def shown_alone(layer: int, colour: Tensor) -> Tensor:
    """Object textures of which only one is not transparent, an opaque square of a colour (3, S, S)."""
    objects = torch.zeros(1, LAYERS - 1, 4, *colour.shape[1:])
    objects[0, layer - 1] = torch.cat([colour, torch.ones_like(colour[:1])])
    return objects


def coordinates(size: int) -> Tensor:
    """A texture (3, size, size) that shows its own coordinates: u, v in 0..1, and 1."""
    line = (torch.arange(size) + 0.5) / size
    v, u = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([u, v, torch.ones_like(u)])


def unmirrored(view: View, moment: int, layer: int) -> Tensor:
    """(H, W) bool: where a pixel's texture point is within the texture (the background goes on, mirrored)."""
    y, x = torch.meshgrid(torch.arange(FRAME.height), torch.arange(FRAME.width), indexing="ij")
    world = FRAME.to_world(torch.stack([x, y], -1).flatten(0, 1).float())
    bend = Bend(*(tensor[moment, layer] for tensor in view.bend))
    inside = (to_texture(view.inverse[moment, layer], bend, world).abs() < 1).all(-1)
    return inside.unflatten(0, (FRAME.height, FRAME.width))


def random_points(seed: int, count: int, reach: float) -> Tensor:
    return (torch.rand(1, count, 2, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * reach


@settings(max_examples=25, deadline=None)
@given(seed=seeds, layer=st.integers(0, LAYERS - 1))
def test_drawn_and_computed_positions_agree_to_a_twentieth_of_a_pixel(seed: int, layer: int) -> None:
    """A pixel's colour names the texture point drawn there; the track of this point has to be at the pixel."""
    view, ramp = scene(seed), coordinates(160)
    objects = shown_alone(layer, ramp) if layer else torch.zeros(1, LAYERS - 1, 4, 160, 160)
    video = frames_of(view, objects, ramp[None] if layer == 0 else None)
    textures, clip = Textures.pile(ramp[None], objects), torch.full((1, 100), layer)
    for moment in range(FRAMES):
        named = video[moment, :2] * 2 - 1
        solid = (video[moment, 2] > 0.9999) & (named.abs() < 0.95).all(0) & unmirrored(view, moment, layer)
        pixels = solid.nonzero()[:: max(1, int(solid.sum()) // 100)][:100]  # rows of y, x
        texture = torch.zeros(1, 100, 2)
        texture[0, : len(pixels)] = named[:, pixels[:, 0], pixels[:, 1]].T
        tracks, _ = follow(textures, view.frames(slice(moment, moment + 1)), clip, texture, FRAME)
        assert ((tracks[0, 0, : len(pixels)] - pixels.flip(1)).abs() <= 0.05).all()


def test_a_dot_painted_into_a_texture_is_drawn_on_its_track() -> None:
    """Its centre of mass is measured where the dot is small, whole and not warped into another shape."""
    size, step, compared = 160, 0.05, 0
    cross = step * torch.tensor([[0.0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
    y, x = torch.meshgrid(torch.arange(FRAME.height), torch.arange(FRAME.width), indexing="ij")
    for seed in range(30):
        view, point = scene(seed), random_points(seed, 1, 0.6)
        unit = view.forward[:, 1, :2, :2].det().abs().sqrt().median() * FRAME.unit  # pixels a unit of the plane
        sigma = 0.9 / unit
        away = (coordinates(size)[:2] * 2 - 1 - point[0, 0][:, None, None]).square().sum(0)
        objects = shown_alone(1, torch.exp(-away / 2 / sigma**2).expand(3, -1, -1))
        textures = Textures.pile(torch.zeros(1, 3, 8, 8), objects)
        tracks, _ = follow(textures, view, torch.ones(1, 5).long(), point + cross, FRAME)
        slope = (tracks[0, :, 1::2] - tracks[0, :, 2::2]) / (2 * step) * sigma  # pixels a standard deviation
        curve = (tracks[0, :, 1:].sum(1) - 4 * tracks[0, :, 0]) / step**2 * sigma**2 / 2
        widths = torch.linalg.svdvals(slope)
        middle = tracks[0, :, 0]
        usable = (widths > 0.6).all(-1) & (widths < 1.6).all(-1) & (curve.abs() < 0.02).all(-1)
        usable &= ((middle > 8) & (middle < torch.tensor([FRAME.width - 9, FRAME.height - 9]))).all(-1)
        for drawn, place in zip(frames_of(view, objects)[usable, 0], middle[usable], strict=True):
            found = torch.stack([(drawn * x).sum(), (drawn * y).sum()]) / drawn.sum()
            assert (found - place).abs().max() <= 0.05
            compared += 1
    assert compared >= 20


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_texture_to_world_inverts_world_to_texture(seed: int) -> None:
    view = scene(seed)
    world = FRAME.to_world(torch.rand(FRAMES, LAYERS, 50, 2) * torch.tensor([FRAME.width - 1.0, FRAME.height - 1.0]))
    texture = to_texture(view.inverse, view.bend, world)
    near = (texture.abs() <= 1.2).all(-1)
    back = to_world(view.forward, view.bend, texture)
    assert ((back - world)[near].abs() * FRAME.unit <= 0.005).all()


def test_a_point_is_visible_just_where_its_layer_is_on_top() -> None:
    """Every layer has one colour, so that a pixel tells which layer is seen; points are taken at pixels."""
    visible_ones = hidden_ones = 0
    limit = torch.tensor([FRAME.width, FRAME.height])
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        view, alpha = scene(seed), silhouettes(LAYERS - 1, 48, generator)
        shades = alpha * torch.arange(1, LAYERS)[:, None, None] / LAYERS
        objects = torch.stack([shades, shades, shades, alpha], 1)[None]
        textures = Textures.pile(torch.zeros(1, 3, 8, 8), objects)
        video = frames_of(view, objects)[:, 0]
        pixels = 1 + (torch.rand(1, 200, 2, generator=generator) * (limit - 2)).long()
        world = FRAME.to_world(pixels.float())
        for moment in range(FRAMES):
            now = view.frames(slice(moment, moment + 1))
            seen = video[moment, pixels[0, :, 1], pixels[0, :, 0]] * LAYERS
            pure = (seen - seen.round()).abs() < 1e-4
            for layer in range(1, LAYERS):
                bend = Bend(*(tensor[:, layer] for tensor in now.bend))
                point = to_texture(now.inverse[:, layer], bend, world)
                _, visible = follow(textures, now, torch.full((1, 200), layer), point, FRAME)
                use = pure & (alpha_at(textures, now, layer, torch.zeros(1).long(), world)[0] > SOLID)
                assert torch.equal(visible[0, 0][use], (seen.round() == layer)[use])
                visible_ones += int(visible[0, 0][use].sum())
                hidden_ones += int((~visible[0, 0][use]).sum())
    assert visible_ones > 100
    assert hidden_ones > 20


def test_colours_at_visible_points_are_those_of_the_texture() -> None:
    """Textures are gradients of colour, which no filtering changes; points keep a pixel off all edges."""
    near = torch.cartesian_prod(torch.tensor([-1.5, 0, 1.5]), torch.tensor([-1.5, 0, 1.5]))
    ramp = coordinates(64)[:2] * 2 - 1
    compared, covered, alike = 0, 0, 0
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        view = scene(seed)
        slope, middle = torch.rand(LAYERS, 3, 2, generator=generator) * 0.2, torch.rand(LAYERS, 3, generator=generator)
        colour = torch.einsum("lcd,dhw->lchw", slope, ramp) + middle[..., None, None]
        alpha = silhouettes(LAYERS - 1, 64, generator)[:, None]
        objects = torch.cat([colour[1:] * alpha, alpha], 1)[None]
        textures = Textures.pile(colour[:1], objects)
        layer, texture = torch.randint(1, LAYERS, (1, 300), generator=generator), random_points(seed, 300, 0.9)
        tracks, visible = follow(textures, view, layer, texture, FRAME)
        around = FRAME.to_world((tracks[0, :, :, None] + near).flatten(1, 2))
        clip = torch.zeros(FRAMES, dtype=torch.long)
        alphas = [alpha_at(textures, view, k, clip, around).unflatten(1, (300, 9)) for k in range(1, LAYERS)]
        own = torch.stack([(a > 0.99).all(-1) & (layer == k) for k, a in enumerate(alphas, 1)]).any(0)
        clear = torch.stack([(a < 0.01).all(-1) | (layer >= k) for k, a in enumerate(alphas, 1)]).all(0)
        under = torch.stack([(a > 0.99).all(-1) & (layer < k) for k, a in enumerate(alphas, 1)]).any(0)
        expected = torch.einsum("ncd,nd->nc", slope[layer[0]], texture[0]) + middle[layer[0]]
        close = (look(frames_of(view, objects, colour[:1]), tracks[0]) - expected).abs().amax(-1) < 0.03
        inside = ((tracks[0] >= 0) & (tracks[0] <= torch.tensor([FRAME.width - 1, FRAME.height - 1]))).all(-1)
        assert close[visible[0] & own & clear].all()
        assert not (visible[0] & under).any()
        compared += int((visible[0] & own & clear).sum())
        covered += int((under & inside).sum())
        alike += int(close[under & inside].sum())
    assert compared > 300
    assert covered > 100
    assert alike < 0.2 * covered


def test_clips_of_a_batch_are_drawn_with_their_own_textures() -> None:
    generator = torch.Generator().manual_seed(0)
    motion = Motion(3, LAYERS, FRAMES, 1.0, generator)
    clip, moment = torch.arange(3).repeat_interleave(FRAMES), torch.arange(FRAMES).repeat(3)
    view = View.of(motion.poses(clip, moment), motion.reach[clip], torch.device("cpu"))
    backgrounds = torch.rand(3, 3, 16, 16, generator=generator)
    objects = torch.rand(3, LAYERS - 1, 4, 16, 16, generator=generator)
    together = draw(Textures.pile(backgrounds, objects), view, clip, FRAME)
    for index in range(3):
        textures = Textures.pile(backgrounds[index : index + 1], objects[index : index + 1])
        chosen = slice(index * FRAMES, (index + 1) * FRAMES)
        alone = draw(textures, view.frames(chosen), torch.zeros(FRAMES, dtype=torch.long), FRAME)
        torch.testing.assert_close(alone, together[chosen], atol=1e-3, rtol=0)


def test_the_same_state_gives_the_same_clips() -> None:
    source = SyntheticClips(SyntheticConfig(size=(32, 48), frames=6, points=8), seed=3)
    source.sample(2)
    state = source.state()
    first = source.sample(2)
    source.sample(1)
    source.restore(state)
    other = SyntheticClips(source.config, seed=99)
    other.restore(state)
    for again in (source.sample(2), other.sample(2)):
        assert all(torch.equal(a, b) for a, b in zip(first[:4], again[:4], strict=True))
    assert not torch.equal(first.video, SyntheticClips(source.config, seed=4).sample(2).video)


@pytest.mark.parametrize("batch", [1, 3])
def test_clips_are_what_training_expects(batch: int) -> None:
    config = SyntheticConfig(size=(40, 56), frames=5, points=12, objects=(0, 4), blur=0.5)
    clips = SyntheticClips(config, seed=1).sample(batch)
    assert clips.batch_size == batch
    assert clips.video.shape == (batch, 5, 3, 40, 56)
    assert clips.tracks.shape == (batch, 5, 12, 2)
    assert clips.visible.shape == clips.valid.shape == (batch, 5, 12)
    assert clips.video.dtype == clips.tracks.dtype == torch.float32
    assert clips.video.isfinite().all()
    assert clips.video.min() >= 0
    assert clips.video.max() <= 255
    assert clips.tracks.isfinite().all()
    shown = clips.tracks[clips.visible]
    assert ((shown >= 0) & (shown <= torch.tensor([55.0, 39.0]))).all()
    assert (clips.visible.sum(1) >= 2).all()


def test_clips_without_objects_have_tracks_on_the_background() -> None:
    config = SyntheticConfig(size=(32, 32), frames=4, points=5, objects=(0, 0), effects=PLAIN)
    assert SyntheticClips(config).sample(2).visible.any(1).all()


def test_stacked_clips_keep_their_order() -> None:
    source = SyntheticClips(SMALL)
    clips = [source.sample(1), source.sample(2)]
    stacked = Clips.stack(clips)
    assert stacked.batch_size == 3
    assert torch.equal(stacked.tracks[1:], clips[1].tracks)


def test_about_a_third_of_the_points_is_hidden_after_the_first_sight() -> None:
    source = SyntheticClips(SyntheticConfig(size=(64, 96), points=32, effects=PLAIN, blur=0), seed=5)
    visible = torch.cat([source.sample(8).visible for _ in range(3)])
    after = visible.cummax(1).values
    hidden = 1 - visible.sum() / after.sum()
    assert 0.15 <= hidden <= 0.45


def test_some_clips_are_still_and_some_jump() -> None:
    motion = Motion(200, 6, 24, 1.0, torch.Generator().manual_seed(0))
    clip = torch.arange(200).repeat_interleave(24)
    places = motion.poses(clip, torch.arange(24).repeat(200)).homography[..., :2, 2].view(200, 24, 6, 2) / 2
    steps = (places[:, 1:] - places[:, :-1]).norm(dim=-1).amax(1)  # frame widths, the greatest of every layer
    jumping = (steps[:, 1:].amax(1) > 0.15).double().mean()
    still = (steps[:, 1:].median(1).values < 0.01).double().mean()
    assert 0.15 <= jumping <= 0.7
    assert 0.1 <= still <= 0.5


def test_nothing_gets_behind_the_camera() -> None:
    motion = Motion(300, 8, 12, 1.0, torch.Generator().manual_seed(1))
    clip = torch.arange(300).repeat_interleave(12)
    third = motion.poses(clip, torch.arange(12).repeat(300)).homography[..., 2, :]
    nearest = third[..., 2] - (1 + motion.reach[clip]) * third[..., :2].abs().sum(-1)  # least over the plane
    assert nearest.min() > 0.05


def test_no_motion_at_all_when_scaled_to_nothing() -> None:
    motion = Motion(3, 3, 8, 0.0, torch.Generator().manual_seed(0))
    poses = motion.poses(torch.zeros(8, dtype=torch.long), torch.arange(8))
    assert torch.allclose(poses.homography[0, 1:, :2, 2], poses.homography[7, 1:, :2, 2], atol=0.05)


@pytest.mark.parametrize(
    "wrong",
    [{"size": (8, 64)}, {"frames": 1}, {"points": 0}, {"objects": (5, 2)}, {"hidden": 1.0}, {"motion": -1.0}],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|are shares"):
        SyntheticConfig(**wrong)  # type: ignore[arg-type]
