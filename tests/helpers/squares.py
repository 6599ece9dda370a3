"""Squares and points in the plane, where y points down."""

import numpy as np


def turned(points, degrees, about=(0.0, 0.0)):
    """Points (N, 2) turned clockwise on the screen, where y points down."""
    a = np.deg2rad(degrees)
    matrix = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return (points - about) @ matrix.T + about


def cross(a, b):
    """Above 0 where b lies clockwise of a on the screen."""
    return a[0] * b[1] - a[1] * b[0]


def square_about(centre, half, degrees=0):
    corners = np.array([(-half, -half), (-half, half), (half, half), (half, -half)], float)
    return turned(corners, degrees) + centre
