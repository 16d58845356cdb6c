"""The convolutional image encoder that the CoTracker family shares."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def norm_relu(x: Tensor) -> Tensor:
    """Instance norm (per channel and frame, no weights, eps 1e-5), then ReLU."""
    return F.relu(F.instance_norm(x), inplace=True)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a skip path, which is a strided 1x1 convolution where the block shrinks the image.

    Unlike in ResNet there is a ReLU before the sum as well as after it.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride)) if stride != 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = norm_relu(self.conv2(norm_relu(self.conv1(x))))
        skip = x if self.downsample is None else F.instance_norm(self.downsample(x))
        return F.relu(skip + y)


class FeatureEncoder(nn.Module):
    """Four residual stages at 1/2, 1/4, 1/8 and 1/16 of the image, brought to one size and fused.

    Args:
        channels: of the four stages; the first is also the width of the stem.
        outputs: channels of the feature map.
        stride: image pixels per pixel of the feature map.
    """

    def __init__(self, channels: tuple[int, int, int, int], outputs: int, stride: int) -> None:
        super().__init__()
        a, b, c, d = channels
        self.stride = stride
        self.conv1 = nn.Conv2d(3, a, 7, stride=2, padding=3)
        self.layer1 = nn.Sequential(ResidualBlock(a, a, 1), ResidualBlock(a, a, 1))
        self.layer2 = nn.Sequential(ResidualBlock(a, b, 2), ResidualBlock(b, b, 1))
        self.layer3 = nn.Sequential(ResidualBlock(b, c, 2), ResidualBlock(c, c, 1))
        self.layer4 = nn.Sequential(ResidualBlock(c, d, 2), ResidualBlock(d, d, 1))
        self.conv2 = nn.Conv2d(a + b + c + d, 2 * outputs, 3, padding=1)
        self.conv3 = nn.Conv2d(2 * outputs, outputs, 1)
        for module in self.modules():
            # Nothing random on the meta device: asking for it loads the compiler for a second.
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in -1..1 -> (B, outputs, H / stride, W / stride), not normalised."""
        size = (images.shape[-2] // self.stride, images.shape[-1] // self.stride)
        x = norm_relu(self.conv1(images))
        stages = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            stages.append(F.interpolate(x, size, mode="bilinear", align_corners=True))
        return self.conv3(norm_relu(self.conv2(torch.cat(stages, dim=1))))


def normalise_features(features: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, h, w, C) contiguous, every vector of length 1: rows, as they are gathered."""
    rows = features.permute(0, 2, 3, 1)
    rows = rows.to(torch.promote_types(rows.dtype, torch.float32))  # under autocast it is less
    return (rows / rows.square().sum(-1, keepdim=True).clamp_min(1e-12).sqrt()).contiguous()
