"""What a plan aims at and by when: milestones that starts must agree with, risks, results to reach, and what is context only."""
