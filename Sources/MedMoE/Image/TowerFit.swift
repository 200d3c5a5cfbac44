import Checkpoints

/// Whether an image tower belongs to a model: asked before either computes, as rows of another width would be read with wrong strides.
extension ModelConfiguration {
    /// - Throws: `ModelError.inconsistent` when the projector expects features of another width than the tower's.
    package func check(_ tower: ImageTowerConfiguration) throws(ModelError) {
        guard tower.hiddenSize == imageFeatureSize else {
            throw .inconsistent("the tower's hidden_size is \(tower.hiddenSize), config.json's mm_hidden_size \(imageFeatureSize): another tower belongs to this model")
        }
    }
}

extension ImageTowerConfiguration {
    /// How many layers run for a hidden state: 0 is the embeddings, n the output of layer n.
    ///
    /// - Parameter state: as `mm_vision_select_layer` says it: negative ones count from the end, where −1 is the last layer's output.
    /// - Throws: `ModelError.inconsistent` for one that the tower does not have.
    package func layers(forHiddenState state: Int) throws(ModelError) -> Int {
        let needed = state < 0 ? layerCount + 1 + state : state
        guard (0...layerCount).contains(needed) else {
            throw .inconsistent("mm_vision_select_layer \(state) is outside a tower of \(layerCount) layers: \(-layerCount - 1) to \(layerCount) are possible")
        }
        return needed
    }
}
