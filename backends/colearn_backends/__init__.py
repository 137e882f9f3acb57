"""Learners for machine-learning frameworks: one module for each, imported late, none by this package.

* ``voting``: when a proposal is an improvement; shared by all of them.
* ``splitting``: labelled data over learners, equally or as unequally as asked.
* ``sklearn``: any scikit-learn estimator with ``partial_fit`` whose weights are arrays, also at the end of a
  pipeline with fixed steps (extra ``sklearn``).
* ``digits``: scikit-learn's handwritten digits as a learner factory, ``colearn_backends.digits:learner``.
* ``torch``: any PyTorch module, with differential privacy if asked to (extra ``torch``).
* ``keras``: any compiled Keras 3 model on TensorFlow, likewise (extra ``keras``).
* ``forest``: random forests that learners grow together (extra ``sklearn``).
* ``boosting``: gradient-boosted trees, likewise (extra ``boosting``).
* ``trees``: ensembles of trees as arrays; with ``trees_*``, how they are checked, walked and scored.
* ``privacy``: the budget, the ledger and the noise of private learners, the same for all frameworks.
* ``onnx_export``: models of scikit-learn, PyTorch and Keras as ONNX files (extra ``onnx``).
* ``datasets``: the examples' data sets, read from their real files, and what stands in for them.

Of ``colearn_chain`` they know the learner interface, the weights and the errors, nothing else.
"""
